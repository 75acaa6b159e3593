"""What training tells people while it runs: a live table on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Mapping
from typing import Any, Protocol, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

__all__ = ["PlainReporter", "Reporter", "RichReporter", "SilentReporter", "reporter_for"]

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


class PlainReporter(SilentReporter):
    """One line an epoch, and one now and then in between, with the time left."""

    def __init__(self, stream: TextIO | None = None, *, every_seconds: float = 15.0) -> None:
        self.stream = stream or sys.stderr
        self.every = every_seconds
        self.task, self.total, self.done, self.unit, self.at_start = "", 0, 0, "steps", 0
        self.started = self.spoken = time.monotonic()

    def message(self, text: str) -> None:
        """Print a line at once."""
        print(text, file=self.stream, flush=True)

    def begin(self, task: str, total: int, done: int = 0, unit: str = "steps") -> None:
        """Start the clock of a piece of work."""
        self.task, self.total, self.done, self.at_start, self.unit = task, total, done, done, unit
        self.started = self.spoken = time.monotonic()

    def advance(self, units: int = 1, note: str = "") -> None:
        """Print a line if the last one is some time ago."""
        self.done += units
        now = time.monotonic()
        if now - self.spoken >= self.every:
            self.spoken = now
            rate = (now - self.started) / max(1, self.done - self.at_start)
            left = human_time(rate * (self.total - self.done))
            self.message(f"{self.task}  {self.done}/{self.total} {self.unit}  {left} left  {note}")

    def epoch(self, record: Record) -> None:
        """Print the epoch's line."""
        self.message(epoch_line(record))
        self.spoken = time.monotonic()


class RichReporter(SilentReporter):
    """A progress bar that stays at the bottom; epochs scroll above it."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True)
        self.progress: Progress | None = None

    def message(self, text: str) -> None:
        """Print above the bar."""
        self.console.print(text, markup=False, highlight=False)

    def begin(self, task: str, total: int, done: int = 0, unit: str = "steps") -> None:
        """Show a bar."""
        self.end()
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn(unit),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
            console=self.console,
            transient=True,
        )
        self.progress.start()
        self.progress.add_task(task, total=total, completed=done, note="")

    def advance(self, units: int = 1, note: str = "") -> None:
        """Move the bar."""
        if self.progress is not None:
            task = self.progress.task_ids[0]
            self.progress.update(task, advance=units, note=note)

    def end(self) -> None:
        """Take the bar away."""
        if self.progress is not None:
            self.progress.stop()
            self.progress = None

    def epoch(self, record: Record) -> None:
        """Print the epoch's line above the bar."""
        self.message(epoch_line(record))


def reporter_for(stream: TextIO | None = None) -> Reporter:
    """Live on a terminal, plain lines in a file or a pipe."""
    target = stream or sys.stderr
    return RichReporter() if target.isatty() else PlainReporter(target)


def epoch_line(record: Record) -> str:
    """An epoch in one line: loss, validation accuracy of the groups, speed."""
    parts = [
        f"{record['stage']}  epoch {record['epoch'] + 1}/{record['epochs']}",
        f"loss {record['loss']:.3f}",
    ]
    if record.get("val"):
        names = ("overall", "many", "medium", "few", "macro")
        shown = ((n, record["val"].get(n)) for n in names)
        parts.append("val " + " ".join(f"{n} {percent(v)}" for n, v in shown))
    parts.append(f"{record['images_per_second']:.0f} images/s")
    parts.append(f"{human_time(record['seconds'])}")
    return "  ".join(parts)


def percent(share: float | None) -> str:
    """A share as a percentage with one decimal; a dash where there is none."""
    return "-" if share is None else f"{100 * share:.1f}"


def human_time(seconds: float) -> str:
    """Seconds in words: 48 s, 12 min, 3 h 05 min."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60:02d} min"
