"""Confidence thresholds: how many predictions each keeps, and how many of these are correct.

Written by an analysis, read by `lpt predict --threshold FILE --accuracy SHARE`.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import Field, TypeAdapter, ValidationError

from lpt.errors import DataError, ParameterError
from lpt.files.atomic_files import write_json
from lpt.files.regular_files import read_regular
from lpt.progress import percent

__all__ = [
    "VERSION",
    "Threshold",
    "ThresholdTable",
    "read_thresholds",
    "thresholds_of",
    "write_thresholds",
]

VERSION = 1
"""Of the format of thresholds.json."""

MAX_BYTES = 2**20
ROWS = 200
SMALLEST = 10
"""Predictions that a threshold must keep to be chosen; fewer say little about its accuracy."""

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]


@dataclass(frozen=True)
class Threshold:
    """Effect of one confidence threshold.

    Attributes:
        threshold: lowest confidence that is kept, in [0, 1].
        kept: number of predictions that it keeps.
        correct: how many of these are correct.
        coverage: share of all predictions that it keeps.
        accuracy: share of the kept predictions that are correct.
    """

    threshold: Share
    kept: Count
    correct: Count
    coverage: Share
    accuracy: Share


@dataclass(frozen=True)
class ThresholdTable:
    """Thresholds of one task, measured on labelled images.

    Attributes:
        version: of the format.
        task: SHA-256 of the task file.
        data, split: the images.
        images: their number.
        thresholds: by ascending threshold; the first keeps everything.
    """

    version: int
    task: str
    data: str
    split: str
    images: Count
    thresholds: tuple[Threshold, ...]

    def for_accuracy(self, accuracy: float, file: Path | None = None) -> Threshold:
        """Return the threshold that keeps most predictions at this accuracy or a higher one.

        Args:
            accuracy: wanted share of correct predictions, in [0, 1].
            file: where the table comes from, for messages.
        Raises: ParameterError if no threshold reaches it, naming the best one.
        """
        where = file or self.data
        smallest = min(SMALLEST, self.images)
        usable = [row for row in self.thresholds if row.kept >= smallest]
        reached = [row for row in usable if row.accuracy >= accuracy]
        if reached:
            return max(reached, key=lambda row: row.kept)
        if not usable:
            raise ParameterError(f"{where}: holds no threshold. Analyse more images.")
        best = max(usable, key=lambda row: (row.accuracy, row.kept))
        raise ParameterError(
            f"`accuracy` {accuracy:g}: no threshold in {where} reaches it; the best is "
            f"{best.threshold:.3f} with {percent(best.accuracy)} % of {best.kept:,} images. "
            "Ask for less, or give a threshold between 0 and 1."
        )


def thresholds_of(
    confidence: npt.NDArray[np.floating[Any]], correct: npt.NDArray[np.bool_]
) -> tuple[Threshold, ...]:
    """Measure thresholds between the confidences of images.

    Args:
        confidence: (n,) probability of the predicted class.
        correct: (n,) whether it is the true class.
    Returns: at most 200 thresholds in ascending order; the first is 0. A threshold is the middle
        between two confidences, so that rounding changes nothing.

    >>> rows = thresholds_of(np.array([0.9, 0.6, 0.5]), np.array([True, True, False]))
    >>> [(round(row.threshold, 2), row.kept, row.correct) for row in rows]
    [(0.0, 3, 2), (0.55, 2, 2), (0.75, 1, 1)]
    """
    order = np.argsort(-confidence, kind="stable")
    ordered, hits = confidence[order].astype(np.float64), np.cumsum(correct[order])
    ends = np.flatnonzero(np.append(np.diff(ordered), -1.0)) if len(ordered) else order
    if len(ends) > ROWS:
        ends = ends[np.unique(np.linspace(0, len(ends) - 1, ROWS).round().astype(np.int64))]
    rows = []
    for end in ends[::-1].tolist():
        below = ordered[end + 1] if end + 1 < len(ordered) else None
        kept, right = end + 1, int(hits[end])
        threshold = 0.0 if below is None else float((ordered[end] + below) / 2)
        rows.append(Threshold(threshold, kept, right, kept / len(ordered), right / kept))
    return tuple(rows)


def write_thresholds(path: Path, table: ThresholdTable) -> None:
    """Write a table as JSON."""
    write_json(path, asdict(table))


def read_thresholds(path: Path, task: str | None = None) -> ThresholdTable:
    """Read a table.

    Args:
        task: SHA-256 of the task file that the table must be made for; None for any.
    Raises: DataError if the file cannot be read, is no such table, or was made for another task.
    """
    data = read_regular(path, MAX_BYTES)
    try:
        table = TypeAdapter(ThresholdTable).validate_json(data)
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(map(str, fault["loc"])) or "content"
        raise DataError(
            f"{path}: not a table of thresholds ({where}: {fault['msg']}). Run: lpt analyze RUN"
        ) from error
    if table.version != VERSION:
        raise DataError(f"{path}: version {table.version} is not known. Run: lpt analyze RUN")
    if task is not None and table.task != task:
        raise DataError(
            f"{path}: its thresholds were measured with another task file. Run: lpt analyze RUN"
        )
    return table
