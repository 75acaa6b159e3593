"""Predictions of any number of images in a file: in flat memory, resumable, bad images listed."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from lpt.cli.predictions.decision_request import MakeRow, plain_row
from lpt.cli.predictions.given_images import GivenImage
from lpt.cli.predictions.partial_file import PartialFile
from lpt.cli.predictions.prediction_rows import PredictionRow
from lpt.cli.predictions.row_bytes import BulkRow, RowBytes
from lpt.cli.predictions.sorted_folders import SortedFolders
from lpt.errors import DataError
from lpt.progress import human_time

__all__ = ["CHUNK", "BulkSummary", "predict_to_file"]

CHUNK = 512
"""Images after which the file is synced. Rows do not depend on where a process was killed."""

_EVERY = 15.0  # seconds between two lines of progress
_NAMED = 3  # bad images that the summary names

Predict = Callable[[Sequence[Path]], Iterator[Any]]
"""Paths -> for each a Prediction, a pair of prediction and feature, or a DataError."""


@dataclass(frozen=True)
class BulkSummary:
    """What a file of predictions holds.

    Attributes:
        images: number of rows.
        bad: number of images that could not be read.
        continued: images that the file held already.
        examples: paths of the first bad images of this process.
    """

    images: int
    bad: int
    continued: int
    examples: tuple[str, ...]


def predict_to_file(
    predict: Predict,
    images: Iterable[GivenImage],
    file: PartialFile,
    format_: RowBytes,
    *,
    threshold: float | None = None,
    make_row: MakeRow | None = None,
    folders: SortedFolders | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> BulkSummary:
    """Write a row for each image, from where an interrupted process left off.

    Args:
        predict: the function of the task.
        images: the images, in the same order every time.
        file: receives the rows.
        format_: of the rows.
        threshold: marks rows of a smaller confidence as unsure.
        make_row: makes the rows, in place of `threshold`.
        folders: receives each image that can be read, before its row is written.
        say: receives a line of progress now and then.
    Raises: RunError as `PartialFile`, or if an image cannot be put into a folder.
    """
    continued, examples = file.images, list[str]()
    if file.is_empty:
        file.add(format_.head)
    left = (image for image in images if not file.skip(str(image.path)))
    began = shown = time.monotonic()
    while some := list(islice(left, CHUNK)):
        rows = list(_rows(predict, some, make_row or plain_row(threshold)))
        bad = [one.row.path for one in rows if one.row.prediction is None]
        examples += bad[: _NAMED - len(examples)]
        if folders is not None:
            for one in rows:
                _sort(one.row, folders)
        file.add(format_.encode(rows), [one.row.path for one in rows], len(bad))
        if time.monotonic() - shown >= _EVERY:
            shown = time.monotonic()
            speed = (file.images - continued) / (shown - began)
            say(f"predict   {file.images:,} images in {human_time(shown - began)}, {speed:.0f}/s")
    file.finish(format_.convert)
    return BulkSummary(file.images, file.bad, continued, tuple(examples))


def _rows(predict: Predict, images: list[GivenImage], make_row: MakeRow) -> Iterator[BulkRow]:
    found = predict([image.path for image in images if image.error is None])
    for image in images:
        result, path = image.error or next(found), str(image.path)
        if isinstance(result, DataError):
            yield BulkRow(PredictionRow.unreadable(path, result))
            continue
        prediction, feature = result if isinstance(result, tuple) else (result, None)
        yield BulkRow(make_row(path, prediction), feature)


def _sort(row: PredictionRow, folders: SortedFolders) -> None:
    if row.prediction is not None:
        folders.put(row.path, None if row.unsure else row.prediction.labels[0])
