"""Running commands, and what their results should be."""

from collections.abc import Callable
from pathlib import Path

from ..tiny import SETTINGS

Lpt = Callable[..., tuple[int, str, str]]
QUICK = {**SETTINGS, "checkpoint_seconds": 60, "phase1.epochs": 1, "phase2.epochs": 1}
FLAGS = [word for name, value in QUICK.items() for word in ("--set", f"{name}={value}")]


def refused(result: tuple[int, str, str], *said: str) -> None:
    """Exit code 2, nothing on stdout, and at the end of stderr one or two lines with `said`."""
    code, out, err = result
    assert (code, out) == (2, "")
    message = "lpt: " + err.rpartition("lpt: ")[2]
    assert len(message.splitlines()) <= 2
    assert "Traceback" not in err
    for part in said:
        assert part in message


def train(lpt: Lpt, data: Path | str, out: Path, *flags: str) -> tuple[int, str, str]:
    backbone = ("--backbone", "vit.safetensors")
    return lpt("train", str(data), *backbone, "--out", str(out), *FLAGS, *flags)
