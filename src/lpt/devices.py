"""Where tensors live: a GPU if there is one, unless another is asked for; what memory they take."""

import contextlib
import resource
import sys
from pathlib import Path

import torch

from lpt.errors import ConfigError

__all__ = ["choose_device", "peak_memory", "reset_peak_memory"]

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


def choose_device(wanted: str | None = None) -> torch.device:
    """The device that was asked for; a GPU if there is one when nothing was.

    Args:
        wanted: "cpu", "cuda", "cuda:1"; None decides by what there is.
    Raises: ConfigError for another word, or for a GPU that is not there.
    """
    if wanted is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    name, _, number = wanted.partition(":")
    if name not in ("cpu", "cuda") or (number and not number.isdigit()):
        raise ConfigError(f"--device {wanted}: unknown. Choose cpu, cuda or cuda:NUMBER.")
    if name == "cuda" and int(number or 0) >= torch.cuda.device_count():
        raise ConfigError(
            f"--device {wanted}: not here; torch sees {torch.cuda.device_count()} GPUs. Use cpu."
        )
    return torch.device(wanted)


def peak_memory(device: torch.device | str) -> int:
    """Bytes held at most, since the process began or `reset_peak_memory`: what must be free.

    On a GPU what torch allocated there; elsewhere the resident memory of this process, its
    libraries included. Processes that load images are not counted.
    """
    if torch.device(device).type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if _STATUS.is_file():  # getrusage would count the parent, too, that a process was forked from
        fields = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines())
        return 1024 * int(fields["VmHWM"].split()[0])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def reset_peak_memory(device: torch.device | str) -> None:
    """Let `peak_memory` count from what is held now; where the system cannot, nothing happens."""
    if torch.device(device).type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return
    with contextlib.suppress(OSError):
        _CLEAR.write_text("5")
