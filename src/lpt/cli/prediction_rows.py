"""Rows of `lpt predict`: as a table for people, CSV or JSON lines."""

import csv
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from lpt.escape import printable
from lpt.task.prediction import Prediction

__all__ = ["Output", "PredictionRow", "formatter"]

UNSURE = "unsure"


class Output(StrEnum):
    """Format of the rows."""

    TABLE = "table"
    CSV = "csv"
    JSONL = "jsonl"


@dataclass(frozen=True)
class PredictionRow:
    """The result for one image.

    Attributes:
        path: the image.
        prediction: None if it cannot be read.
        error: why it cannot be read; "" if it can.
        unsure: whether the confidence is below the threshold; None without a threshold or a
            prediction.
    """

    path: str
    prediction: Prediction | None
    error: str = ""
    unsure: bool | None = None


def formatter(output: Output, classes: int) -> tuple[str, Callable[[PredictionRow], str]]:
    """Return the head and a function that formats a row; each ends without a newline.

    Args:
        output: the format. The head is "" unless it is CSV.
        classes: number of classes per row.

    >>> _, row = formatter(Output.TABLE, 2)
    >>> print(row(PredictionRow("a.jpg", Prediction("a.jpg", ("wren",), (0.4,), ()), unsure=True)))
    a.jpg  unsure  wren 40.0%
    >>> print(row(PredictionRow("b.jpg", None, "no such file")))
    b.jpg  error: no such file
    """
    if output is Output.CSV:
        return _csv(_header(classes)), lambda row: _csv(_cells(row, classes))
    return "", _json if output is Output.JSONL else _line


def _line(row: PredictionRow) -> str:
    if row.prediction is None:
        return printable(f"{row.path}  error: {row.error}")
    line = str(row.prediction).removeprefix(row.prediction.path)
    mark = f"  {UNSURE}" if row.unsure else ""
    return printable(f"{row.path}{mark}{line}")


def _json(row: PredictionRow) -> str:
    found = row.prediction
    content = {
        "path": row.path,
        "labels": None if found is None else found.labels,
        "probabilities": None if found is None else found.probabilities,
        "matched": None if found is None else found.matched,
        UNSURE: row.unsure,
        "error": row.error or None,
    }
    text = json.dumps(content, ensure_ascii=False)
    return text if text.isprintable() else json.dumps(content)


def _header(classes: int) -> list[str]:
    ranked = (
        f"{name}_{rank}" for rank in range(2, classes + 1) for name in ("label", "probability")
    )
    return ["path", "label", "probability", *ranked, UNSURE, "error"]


def _cells(row: PredictionRow, classes: int) -> list[str]:
    cells: list[str] = []
    if row.prediction is not None:
        found = zip(row.prediction.labels, row.prediction.probabilities, strict=True)
        cells = [cell for label, p in found for cell in (label, f"{p:.6f}")]
    cells += [""] * (2 * classes - len(cells))
    unsure = "" if row.unsure is None else "yes" if row.unsure else "no"
    return [row.path, *cells, unsure, row.error]


def _csv(cells: list[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(cells)
    return text.getvalue()
