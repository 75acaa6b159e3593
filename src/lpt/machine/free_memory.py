"""Memory that this process has, and can still have."""

import os
from collections.abc import Iterator
from pathlib import Path

import torch

__all__ = ["free_memory", "resident_memory"]

_PROC = Path("/proc/meminfo")
_PAGES = Path("/proc/self/statm")
CONTAINER_FILES = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory.current"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
    Path("/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)
"""Limit and usage of containers: version 2, then version 1."""


def free_memory(device: torch.device | str = "cpu") -> int | None:
    """Return the bytes that can still be allocated on a device; None where the system is silent.

    On a CUDA GPU, memory that torch holds for reuse counts as free. Elsewhere this is the memory
    that Linux calls available, within the limit of a container; on other systems the whole memory.

    >>> free_memory("cpu") > 10**6
    True
    """
    device = torch.device(device)
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        reserved = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(free) + reserved
    return min(_host_memory(), default=None)


def resident_memory() -> int | None:
    """Return the bytes of main memory that this process takes; None where Linux does not say so.

    >>> resident_memory() > 10**6
    True
    """
    try:
        return int(_PAGES.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):
        return None


def _host_memory() -> Iterator[int]:
    try:
        fields = dict(line.split(":", 1) for line in _PROC.read_text().splitlines())
        yield 1024 * int(fields["MemAvailable"].split()[0])
    except (OSError, KeyError, ValueError):
        try:
            yield os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        except (AttributeError, OSError, ValueError):  # Windows
            return
    for limit, usage in zip(CONTAINER_FILES[::2], CONTAINER_FILES[1::2], strict=True):
        try:
            yield max(0, int(limit.read_text()) - int(usage.read_text()))
        except (OSError, ValueError):  # no container, or no limit ("max")
            continue
