"""A piece of a file of predictions: the rows of consecutive images, ready to be written."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lpt.cli.predictions.decision_request import MakeRow
from lpt.cli.predictions.given_images import GivenImage
from lpt.cli.predictions.prediction_rows import PredictionRow
from lpt.cli.predictions.row_bytes import BulkRow, RowBytes
from lpt.errors import DataError

__all__ = ["Predict", "RowPiece", "piece_of"]

Predict = Callable[[Sequence[Path]], Iterator[Any]]
"""Paths -> for each a Prediction, a pair of prediction and feature, or a DataError."""


@dataclass(frozen=True)
class RowPiece:
    """The rows of consecutive images.

    Attributes:
        paths: the images.
        content: their rows.
        bad: those that could not be read.
        labels: for each of the others, its path and its class; None for a row marked as unsure.
    """

    paths: Sequence[str]
    content: bytes
    bad: Sequence[str]
    labels: Sequence[tuple[str, str | None]]


def piece_of(
    predict: Predict, images: Sequence[GivenImage], make_row: MakeRow, format_: RowBytes
) -> RowPiece:
    """Predict images and format their rows."""
    rows = list(_rows(predict, images, make_row))
    return RowPiece(
        [one.row.path for one in rows],
        format_.encode(rows),
        [one.row.path for one in rows if one.row.prediction is None],
        [
            (one.row.path, None if one.row.unsure else one.row.prediction.labels[0])
            for one in rows
            if one.row.prediction is not None
        ],
    )


def _rows(predict: Predict, images: Sequence[GivenImage], make_row: MakeRow) -> Iterator[BulkRow]:
    found = predict([image.path for image in images if image.error is None])
    for image in images:
        result, path = image.error or next(found), str(image.path)
        if isinstance(result, DataError):
            yield BulkRow(PredictionRow.unreadable(path, result))
            continue
        prediction, feature = result if isinstance(result, tuple) else (result, None)
        yield BulkRow(make_row(path, prediction), feature)
