"""How this process asks the system for memory."""

import ctypes
import sys

__all__ = ["reuse_memory"]

_MMAP_MAX, _TRIM_THRESHOLD, _ARENA_MAX = -4, -1, -8
"""Parameters of glibc's mallopt(3)."""


def reuse_memory() -> bool:
    """Let this process keep the memory it frees, for its next tensors; whether that was possible.

    glibc hands large blocks back to the system and asks for them again a moment later, and the
    system clears every page: a fifth to a third of the time of a training step on a CPU
    (docs/benchmarks.md). A change to the whole process, so for programs, not libraries, to make.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    if mallopt is None:
        return False
    settings = ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, -1), (_ARENA_MAX, 1))
    return all(mallopt(name, value) == 1 for name, value in settings)
