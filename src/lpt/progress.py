"""Progress of long work: the protocol that reports it, and how times and shares are written."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

__all__ = ["Record", "Reporter", "SilentReporter", "human_time", "percent", "shown"]

Record = Mapping[str, Any]


class Reporter(Protocol):
    """Told by the loop what happens."""

    def message(self, text: str) -> None:
        """A line for people."""

    def begin(self, task: str, total: int, done: int = 0, unit: str = "steps") -> None:
        """A piece of work of `total` units starts, `done` of them done already."""

    def advance(self, units: int = 1, note: str = "") -> None:
        """Some units are done."""

    def end(self) -> None:
        """The piece of work is over, finished or not."""

    def epoch(self, record: Record) -> None:
        """An epoch is over; the record is the line of metrics.jsonl."""


class SilentReporter:
    """Says nothing."""

    def message(self, text: str) -> None:
        """Ignore."""

    def begin(self, task: str, total: int, done: int = 0, unit: str = "steps") -> None:
        """Ignore."""

    def advance(self, units: int = 1, note: str = "") -> None:
        """Ignore."""

    def end(self) -> None:
        """Ignore."""

    def epoch(self, record: Record) -> None:
        """Ignore."""


@contextmanager
def shown(reporter: Reporter, task: str, unit: str) -> Iterator[Callable[[int, int], None]]:
    """A piece of work that tells (units done, units in all), as progress of a reporter."""
    told = -1

    def progress(done: int, total: int) -> None:
        nonlocal told
        if told < 0:
            reporter.begin(task, total, unit=unit)
            told = 0
        reporter.advance(done - told)
        told = done

    try:
        yield progress
    finally:
        reporter.end()


def percent(share: float | None) -> str:
    """A share as a percentage with one decimal; a dash where there is none."""
    return "-" if share is None else f"{100 * share:.1f}"


def human_time(seconds: float) -> str:
    """Seconds in words: 48 s, 12 min, 3 h 05 min."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60:02d} min"
