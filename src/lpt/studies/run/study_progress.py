"""Progress of a study: a line per run, how many are done, and the time left."""

from collections.abc import Callable, Sequence
from statistics import fmean

from lpt.progress import Reporter, SilentReporter, human_time, plural

__all__ = ["RunReporter", "StudyProgress"]


class RunReporter(SilentReporter):
    """Forwards the progress bars of a run under its number; drops its epochs and messages."""

    def __init__(self, inner: Reporter, prefix: str) -> None:
        self.inner, self.prefix = inner, prefix

    def begin(self, task: str, total: int, done: int = 0, unit: str = "steps") -> None:
        """Show a bar."""
        self.inner.begin(f"{self.prefix}  {task}", total, done, unit)

    def advance(self, units: int = 1, note: str = "") -> None:
        """Move the bar."""
        self.inner.advance(units, note)

    def end(self) -> None:
        """Remove the bar."""
        self.inner.end()


class StudyProgress:
    """Counts runs and estimates the time left from the runs trained so far.

    Args:
        reporter: receives a message for each run.
        count: returns (number of finished runs, kinds of the remaining ones); runs of one kind take
            about the same time.
    """

    def __init__(self, reporter: Reporter, count: Callable[[], tuple[int, Sequence[str]]]) -> None:
        self.reporter, self.count = reporter, count
        self.took: dict[str, list[float]] = {}

    def begin(self, title: str) -> RunReporter:
        """Announce a run; return the reporter for its training."""
        done, left = self.count()
        number = f"{done + 1}/{done + len(left)}"
        self.reporter.message(f"run {number}  {title}")
        return RunReporter(self.reporter, number)

    def finished(self, kind: str, seconds: float, outcome: str) -> None:
        """Report how a run ended and what remains."""
        self.took.setdefault(kind, []).append(seconds)
        done, left = self.count()
        runs = plural(done + len(left), "run")
        rest = f", {human_time(self.seconds_for(left))} left" if left else ""
        self.reporter.message(f"  {outcome}  ({done} of {runs} done{rest})")

    def seconds_for(self, kinds: Sequence[str]) -> float:
        """Estimate the seconds that runs will take; a new kind counts as the mean of the others."""
        means = {kind: fmean(times) for kind, times in self.took.items()}
        usual = fmean(means.values())
        return sum(means.get(kind, usual) for kind in kinds)
