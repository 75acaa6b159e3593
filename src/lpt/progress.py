"""Progress of long tasks: the protocol of reporters, and texts for durations and percentages."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

__all__ = [
    "SHOT_GROUPS",
    "SUMMARY_METRICS",
    "Record",
    "Reporter",
    "SilentReporter",
    "human_time",
    "known_metrics",
    "listed",
    "percent",
    "plural",
    "shown",
]

Record = Mapping[str, Any]
"""A line of metrics.jsonl: "stage", "epoch" (from 0), "epochs", "loss", "seconds" and others."""

SUMMARY_METRICS = ("overall", "many", "medium", "few", "macro")
"""Names of the accuracies in every summary: overall, of the shot groups, averaged over classes."""

SHOT_GROUPS = ("many", "medium", "few")
"""Those of them that a data set may have no classes for."""


class Reporter(Protocol):
    """Receives progress and messages; subclass `SilentReporter` to handle some of them."""

    def message(self, text: str) -> None:
        """Receive a line of text for the user."""

    def begin(self, task: str, total: int, done: int = 0, unit: str = "steps") -> None:
        """Begin a task of `total` units, `done` of which were completed earlier."""

    def advance(self, units: int = 1, note: str = "") -> None:
        """Complete some units; `note` is a short text to show with the progress."""

    def end(self) -> None:
        """End the task, whether it was completed or not."""

    def epoch(self, record: Record) -> None:
        """Receive the record of a completed epoch."""


class SilentReporter:
    """Ignores everything.

    >>> class Messages(SilentReporter):
    ...     def message(self, text: str) -> None:
    ...         print(text)
    >>> Messages().message("data      birds")
    data      birds
    """

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
    """Report a task whose function calls back with (units done, units in total).

    Args:
        task: name of the task.
        unit: name of a unit, in the plural.

    >>> with shown(SilentReporter(), "image check", "images") as progress:
    ...     progress(1, 10)
    """
    reported: int | None = None

    def progress(done: int, total: int) -> None:
        nonlocal reported
        if reported is None:
            reporter.begin(task, total, unit=unit)
            reported = 0
        reporter.advance(done - reported)
        reported = done

    try:
        yield progress
    finally:
        reporter.end()


def known_metrics(
    scores: Iterable[Mapping[str, object]], names: Sequence[str] = SUMMARY_METRICS
) -> list[str]:
    """Return the names of the metrics to show: without shot groups that have no value anywhere.

    Args:
        scores: accuracies by name, such as one mapping per row of a table.
        names: all names, in order.

    >>> known_metrics([{"overall": 0.5, "few": 0.5}, {"overall": 0.5, "medium": None}])
    ['overall', 'few', 'macro']
    """
    known = {name for one in scores for name, value in one.items() if value is not None}
    return [name for name in names if name not in SHOT_GROUPS or name in known]


def percent(share: float | None) -> str:
    """Write a fraction as a percentage with one decimal, and None as a dash.

    >>> percent(0.8125), percent(None)
    ('81.2', '-')
    """
    return "-" if share is None else f"{100 * share:.1f}"


def human_time(seconds: float) -> str:
    """Write a duration for people.

    >>> human_time(48), human_time(720), human_time(11_100)
    ('48 s', '12 min', '3 h 05 min')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60:02d} min"


def plural(count: int, noun: str, nouns: str | None = None) -> str:
    """Write a number with its noun.

    Args:
        nouns: the plural, unless it is the noun with an s.

    >>> plural(1, "image"), plural(4000, "image"), plural(2, "class", "classes")
    ('1 image', '4,000 images', '2 classes')
    """
    return f"{count:,} {noun if count == 1 else nouns or noun + 's'}"


def listed(names: Sequence[object], most: int = 3) -> str:
    """List the first of several names, and count the others.

    Args:
        most: names to list.

    >>> listed(["a", "b"]), listed(range(5)), listed(["a", "b"], most=1)
    ('a, b', '0, 1, 2 and 2 more', 'a and 1 more')
    """
    shown = ", ".join(map(str, names[:most]))
    return f"{shown} and {len(names) - most:,} more" if len(names) > most else shown
