"""The memory allocator of this process."""

import ctypes
import sys

__all__ = ["reuse_memory"]

_MMAP_MAX, _TRIM_THRESHOLD, _ARENA_MAX = -4, -1, -8
"""Parameters of glibc's mallopt(3)."""


def reuse_memory() -> bool:
    """Keep freed memory for the next tensors instead of returning it to the system.

    By default glibc returns large blocks and requests them again a moment later, and the system
    clears every page. That takes a fifth to a third of the time of a training step on a CPU
    (docs/benchmarks.md). The setting applies to the whole process, so only programs should call
    this, not libraries.

    Returns: whether the setting took effect; False for other systems and C libraries.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    if mallopt is None:
        return False
    settings = ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, -1), (_ARENA_MAX, 1))
    return all(mallopt(name, value) == 1 for name, value in settings)
