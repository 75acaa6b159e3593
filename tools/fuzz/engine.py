"""Run cases of a target, and keep those that neither load nor end in an `LptError`."""

import contextlib
import os
import random
import shutil
import signal
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from lpt.errors import LptError
from lpt.machine.devices import peak_memory, reset_peak_memory

__all__ = ["Finding", "Report", "Target", "reproduce", "run_target"]

SLOW_SECONDS = 1.0
"""Of the processor."""
ENDLESS_SECONDS = 20
_IDLE = 0.001
"""Processor time of a process that waits for something, in `ENDLESS_SECONDS`."""
SMALL_BYTES = 2**20
"""Of inputs up to this size, the memory is watched."""
MEMORY_FACTOR = 3
MEMORY_FREE = 64 * 2**20
"""Memory that any load may take, such as buffers of a fixed size."""

_MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) and "TMPDIR" not in os.environ else None
"""Folder of files that need no disk."""


class Target(Protocol):
    """A kind of input: how cases are made, and how they are loaded.

    Attributes:
        name: of the target on the command line.
        slow_seconds: optional; longest time of a case that computes, whose memory is not watched.
        stated_bytes: optional; called with the folder of a case that took much memory: bytes that
            it may take because its header states them, within a limit of the product.
    """

    name: str

    def make(self, rng: random.Random, folder: Path) -> None:
        """Write the files of a case into an empty folder; only `rng` decides what they hold."""

    def load(self, folder: Path) -> None:
        """Load the case as a user's command would. Raises: LptError for what is refused."""


@dataclass(frozen=True)
class Finding:
    """A case with another outcome than a load or an `LptError`.

    Attributes:
        target, seed, index: they determine the case.
        kind: "error", "endless", "slow", "memory" or "message".
        text: what happened, in one line.
        folder: copy of the case's files; None if none was wanted.
    """

    target: str
    seed: int
    index: int
    kind: str
    text: str
    folder: Path | None = None


@dataclass
class Report:
    """The outcomes of a target.

    Attributes:
        loaded, refused: number of cases with these clean outcomes.
        slowest: longest time of a case in seconds of the processor.
        findings: the other outcomes.
    """

    target: str
    loaded: int = 0
    refused: int = 0
    slowest: float = 0.0
    findings: list[Finding] = field(default_factory=list)


class _Endless(BaseException):
    """No handler of the program catches it."""


def run_target(
    target: Target,
    cases: int,
    *,
    seed: int = 0,
    out: Path | None = None,
    seconds: float | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Report:
    """Make and load cases 0, 1, ... of a target.

    Args:
        cases: number of cases.
        seed: another seed gives other cases.
        out: folder that keeps the files of findings; None keeps none.
        seconds: limit of the whole, in seconds of the processor; None for none.
        progress: called with the number of cases done.
    """
    report, began = Report(target.name), time.process_time()
    with tempfile.TemporaryDirectory(prefix="fuzz-", dir=_MEMORY) as root:
        case = Path(root) / "case"
        for index in range(cases):
            if seconds is not None and time.process_time() - began > seconds:
                break
            case.mkdir()
            target.make(_rng(target, seed, index), case)
            kind, text, took = _outcome(target, case)
            report.slowest = max(report.slowest, took)
            if kind in ("loaded", "refused"):
                report.loaded += kind == "loaded"
                report.refused += kind == "refused"
            else:
                kept = _keep(out, target, seed, index, f"{kind}: {text}\n")
                report.findings.append(Finding(target.name, seed, index, kind, text, kept))
            shutil.rmtree(case)
            progress(index + 1)
    return report


def reproduce(target: Target, seed: int, index: int, folder: Path) -> None:
    """Write a case again and load it, with its traceback."""
    folder.mkdir(parents=True)
    target.make(_rng(target, seed, index), folder)
    target.load(folder)


def _rng(target: Target, seed: int, index: int) -> random.Random:
    return random.Random(f"{target.name} {seed} {index}")


def _outcome(target: Target, case: Path) -> tuple[str, str, float]:
    size = sum(f.lstat().st_size for f in case.rglob("*") if f.is_file())
    watched = size <= SMALL_BYTES and not hasattr(target, "slow_seconds")
    if watched:
        reset_peak_memory("cpu")
    before, began = peak_memory("cpu") if watched else 0, time.process_time()
    kind, text = "loaded", ""
    try:
        with _alarm(_limit(target)), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            target.load(case)
    except LptError as error:
        kind, text = "refused", str(error)
    except _Endless:
        kind, text = "endless", f"more than {_limit(target)} s"
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        kind = "error"
        text = f"{type(error).__name__}: {error!s:.200} ({place.filename}:{place.lineno})"
    took = time.process_time() - began  # a busy machine makes no case slow
    grown = peak_memory("cpu") - before if watched else 0
    if kind == "refused" and (len(text) > 3000 or len(text.splitlines()) > 3):
        kind = "message"
    if kind in ("loaded", "refused"):
        if watched and grown > MEMORY_FACTOR * size + MEMORY_FREE + _stated(target, case, grown):
            kind, text = "memory", f"{grown / 2**20:.0f} MB for {size:,} bytes; {text}"
        elif took > getattr(target, "slow_seconds", SLOW_SECONDS):
            kind, text = "slow", f"{took:.1f} s; {text}"
    return kind, text, took


def _stated(target: Target, case: Path, grown: int) -> int:
    states = getattr(target, "stated_bytes", None)
    return int(states(case)) if states is not None and grown > MEMORY_FREE else 0


def _limit(target: Target) -> int:
    return max(ENDLESS_SECONDS, int(4 * getattr(target, "slow_seconds", 0)))


@contextlib.contextmanager
def _alarm(seconds: int) -> Iterator[None]:
    """Raise `_Endless` after so many seconds, of the processor unless the process only waits."""
    began = seen = time.process_time()

    def ring(*_: object) -> None:
        nonlocal seen
        now = time.process_time()
        if now - began >= seconds or now - seen < _IDLE:
            raise _Endless
        seen = now
        signal.alarm(seconds)

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _keep(out: Path | None, target: Target, seed: int, index: int, text: str) -> Path | None:
    """Write the files of a case again, as loading may have changed them."""
    if out is None:
        return None
    folder = out / f"{target.name}-{seed}-{index}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    target.make(_rng(target, seed, index), folder)
    (folder / "FINDING.txt").write_text(
        f"{text}Again: python -m tools.fuzz --target {target.name} --seed {seed} --only {index}\n",
        encoding="utf-8",
        errors="backslashreplace",
    )
    return folder
