"""What a study tells while it runs: a line a cell, how many are done, how long the rest takes."""

from collections.abc import Callable, Sequence
from statistics import fmean

from lpt.progress import Reporter, SilentReporter, human_time

__all__ = ["CellReporter", "StudyProgress"]


class CellReporter(SilentReporter):
    """Hands on a cell's bars, under its number, and keeps its epochs and notes to itself."""

    def __init__(self, inner: Reporter, prefix: str) -> None:
        self.inner, self.prefix = inner, prefix

    def begin(self, task: str, total: int, done: int = 0, unit: str = "steps") -> None:
        """Show a bar."""
        self.inner.begin(f"{self.prefix}  {task}", total, done, unit)

    def advance(self, units: int = 1, note: str = "") -> None:
        """Move the bar."""
        self.inner.advance(units, note)

    def end(self) -> None:
        """Take the bar away."""
        self.inner.end()


class StudyProgress:
    """Counts cells and guesses the time left from those that were trained.

    Args:
        reporter: told of every cell.
        count: gives (cells done, kinds of those that are left); cells of a kind take about the
            same time.
    """

    def __init__(self, reporter: Reporter, count: Callable[[], tuple[int, Sequence[str]]]) -> None:
        self.reporter, self.count = reporter, count
        self.took: dict[str, list[float]] = {}

    def begin(self, title: str) -> CellReporter:
        """A cell is about to be trained; returns what its training talks to."""
        done, left = self.count()
        number = f"{done + 1}/{done + len(left)}"
        self.reporter.message(f"cell {number}  {title}")
        return CellReporter(self.reporter, number)

    def finished(self, kind: str, seconds: float, outcome: str) -> None:
        """Say how a cell ended, and what is left."""
        self.took.setdefault(kind, []).append(seconds)
        done, left = self.count()
        rest = f", {human_time(self.seconds_for(left))} left" if left else ""
        self.reporter.message(f"  {outcome}  ({done} of {done + len(left)} cells done{rest})")

    def seconds_for(self, kinds: Sequence[str]) -> float:
        """A guess for cells to come; a kind not seen yet counts as the mean of the others."""
        means = {kind: fmean(times) for kind, times in self.took.items()}
        usual = fmean(means.values())
        return sum(means.get(kind, usual) for kind in kinds)
