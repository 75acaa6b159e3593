"""Reporters for people: a live table on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.util import find_spec
from typing import TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from lpt.escape import printable, printable_lines
from lpt.progress import Record, Reporter, SilentReporter, human_time, known_metrics, percent

__all__ = [
    "PlainReporter",
    "RichReporter",
    "reporter_for",
    "without_progress",
]

_QUIET: ContextVar[bool] = ContextVar("quiet", default=False)
SHOWN_EPOCHS = 12
"""Epochs in the live table."""


class PlainReporter(SilentReporter):
    """Prints one line per epoch, and a line with the remaining time at regular intervals.

    Args:
        stream: where lines are printed; None for standard error.
        every_seconds: seconds between two lines within an epoch.

    >>> PlainReporter(sys.stdout).message("data      birds")
    data      birds
    """

    def __init__(self, stream: TextIO | None = None, *, every_seconds: float = 15.0) -> None:
        self.stream = stream or sys.stderr
        self.every = every_seconds
        self.task, self.total, self.done, self.unit, self.at_start = "", 0, 0, "steps", 0
        self.started = self.printed = time.monotonic()

    def message(self, text: str) -> None:
        """Print a line."""
        print(printable_lines(text), file=self.stream, flush=True)

    def begin(self, task: str, total: int, done: int = 0, unit: str = "steps") -> None:
        """Start timing a task."""
        self.task, self.total, self.done, self.at_start, self.unit = task, total, done, done, unit
        self.started = self.printed = time.monotonic()

    def advance(self, units: int = 1, note: str = "") -> None:
        """Print a line if the last one is `every_seconds` old."""
        self.done += units
        now = time.monotonic()
        if now - self.printed >= self.every:
            self.printed = now
            seconds = (now - self.started) / max(1, self.done - self.at_start)
            left = human_time(seconds * (self.total - self.done))
            self.message(f"{self.task}  {self.done}/{self.total} {self.unit}  {left} left  {note}")

    def epoch(self, record: Record) -> None:
        """Print the line of an epoch."""
        self.message(epoch_line(record))
        self.printed = time.monotonic()


class RichReporter(SilentReporter):
    """Shows a table of the last epochs and a progress bar on a terminal.

    The full table of a phase stays on the screen after the phase.

    Args:
        console: the terminal; None for standard error.
    """

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True)
        self.progress: Progress | None = None
        self.epochs: list[Record] = []
        self._live: Live | None = None

    def message(self, text: str) -> None:
        """Print above the table."""
        self.console.print(printable_lines(text), markup=False, highlight=False)

    def begin(self, task: str, total: int, done: int = 0, unit: str = "steps") -> None:
        """Show a bar."""
        self.end()
        self.progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn(unit),
            TimeRemainingColumn(),
            TextColumn("left  {task.fields[note]}", markup=False),
            console=self.console,
        )
        self.progress.add_task(printable(task), total=total, completed=done, note="")
        self._live = Live(self.progress, console=self.console, transient=True, refresh_per_second=4)
        self._live.start()

    def advance(self, units: int = 1, note: str = "") -> None:
        """Move the bar."""
        if self.progress is not None:
            task = self.progress.task_ids[0]
            self.progress.update(task, advance=units, note=note)

    def end(self) -> None:
        """Remove the bar and print the full table."""
        if self._live is not None:
            self._live.stop()
        if self.epochs:
            self.console.print(epoch_table(self.epochs))
        self.progress, self._live, self.epochs = None, None, []

    def epoch(self, record: Record) -> None:
        """Add the epoch to the table."""
        self.epochs.append(record)
        if self._live is not None and self.progress is not None:
            table = epoch_table(self.epochs[-SHOWN_EPOCHS:])
            self._live.update(Group(table, self.progress), refresh=True)


def reporter_for(stream: TextIO | None = None) -> Reporter:
    """Show a live table in a terminal or a notebook, and plain lines in a file or a pipe.

    A live table in a notebook needs ipywidgets. Within `without_progress`, nothing is shown.

    Args:
        stream: None for standard error.
    """
    if _QUIET.get():
        return SilentReporter()
    target = stream or sys.stderr
    if stream is None and Console().is_jupyter and find_spec("ipywidgets") is not None:
        return RichReporter(Console())
    return RichReporter() if target.isatty() else PlainReporter(target)


@contextmanager
def without_progress() -> Iterator[None]:
    """Let `reporter_for` return reporters that show nothing.

    >>> with without_progress():
    ...     reporter_for().message("data      birds")
    """
    token = _QUIET.set(True)
    try:
        yield
    finally:
        _QUIET.reset(token)


def epoch_table(records: list[Record]) -> Table:
    """Build a table with a row per epoch: loss, validation accuracies in percent, speed, time."""
    table = Table(title=f"{records[0]['stage']}: validation accuracy, %", title_justify="left")
    table.add_column("epoch", justify="right")
    table.add_column("loss", justify="right")
    names = known_metrics(record.get("val") or {} for record in records)
    for name in names:
        table.add_column(name, justify="right")
    table.add_column("images/s", justify="right")
    table.add_column("time", justify="right")
    for record in records:
        scores = record.get("val") or {}
        table.add_row(
            f"{record['epoch'] + 1}/{record['epochs']}",
            f"{record['loss']:.3f}",
            *(percent(scores.get(name)) for name in names),
            f"{record['images_per_second']:.0f}",
            human_time(record["seconds"]),
        )
    return table


def epoch_line(record: Record) -> str:
    """Describe an epoch in one line: loss, validation accuracies in percent, speed, time."""
    parts = [
        f"{record['stage']}  epoch {record['epoch'] + 1}/{record['epochs']}",
        f"loss {record['loss']:.3f}",
    ]
    if record.get("val"):
        scores = record["val"]
        names = known_metrics([scores])
        parts.append("val " + " ".join(f"{name} {percent(scores.get(name))}" for name in names))
    parts.append(f"{record['images_per_second']:.0f} images/s")
    if record.get("loading_share") is not None:
        parts.append(f"{100 * record['loading_share']:.0f} % waiting for images")
    parts.append(f"{human_time(record['seconds'])}")
    return "  ".join(parts)
