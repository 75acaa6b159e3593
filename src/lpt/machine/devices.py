"""The choice of a device, and its peak memory."""

import contextlib
import sys
from pathlib import Path

import torch

from lpt.errors import ParameterError
from lpt.escape import described
from lpt.machine.device_name import check_device_name

__all__ = ["choose_device", "peak_memory", "reset_peak_memory"]

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


def choose_device(wanted: str | torch.device | None = None) -> torch.device:
    """Return the device that was asked for; by default a CUDA GPU if there is one, else the CPU.

    Args:
        wanted: "cpu", "cuda", "cuda:1", "mps" (Apple GPU, never chosen by default because its
            results differ from those of a CPU), or a `torch.device`.
    Raises: ParameterError for an unknown device, or one that this machine does not have.

    >>> choose_device("cpu")
    device(type='cpu')
    """
    if wanted is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    text = str(wanted) if isinstance(wanted, str | torch.device) else described(wanted)
    check_device_name(text)
    name, _, number = text.partition(":")
    if name == "cuda" and int(number or 0) >= torch.cuda.device_count():
        raise ParameterError(
            f"`device` {text!r}: not available; torch finds {torch.cuda.device_count()} GPUs. "
            "Use cpu."
        )
    if name == "mps" and not torch.backends.mps.is_available():
        raise ParameterError(f"`device` {text!r}: not available on this machine. Use cpu.")
    return torch.device(text)


def peak_memory(device: torch.device | str) -> int:
    """Return the peak memory in bytes since the process began or since `reset_peak_memory`.

    On a CUDA GPU this is the memory that torch allocated there; elsewhere the resident memory of
    this process, libraries included. Processes that load images are not counted. The result is 0
    where the system does not report it (Windows).
    """
    if torch.device(device).type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if _STATUS.is_file():  # getrusage would include the parent that a process was forked from
        fields = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines())
        return 1024 * int(fields["VmHWM"].split()[0])
    try:
        import resource
    except ImportError:  # POSIX only
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def reset_peak_memory(device: torch.device | str) -> None:
    """Make `peak_memory` count from now on, where the system can do so (CUDA, Linux)."""
    if torch.device(device).type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return
    with contextlib.suppress(OSError):
        _CLEAR.write_text("5")
