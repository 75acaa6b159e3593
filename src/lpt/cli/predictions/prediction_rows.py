"""Rows of `lpt predict`: as a table for people, CSV or JSON lines."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from lpt.escape import csv_text, json_text, printable

if TYPE_CHECKING:
    from lpt.errors import DataError
    from lpt.task.prediction import Prediction

__all__ = ["Output", "PredictionRow", "formatter"]

UNSURE = "unsure"
SET = "set"


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
        members: set of labels that holds the true class as often as asked; None without one.
    """

    path: str
    prediction: "Prediction | None"
    error: str = ""
    unsure: bool | None = None
    members: tuple[str, ...] | None = None

    @classmethod
    def unreadable(cls, path: str, error: "DataError", named: str | None = None) -> "PredictionRow":
        """Return the row of an image that cannot be read.

        Args:
            named: the name of the image in the error; None for the path.
        """
        reason = str(error).replace("\n", " ").removeprefix(f"{printable(named or path)}: ")
        return cls(path, None, reason)


def formatter(
    output: Output, classes: int, *, sets: bool = False
) -> tuple[str, Callable[[PredictionRow], str]]:
    """Return the head and a function that formats a row; each ends without a newline.

    Args:
        output: the format. The head is "" unless it is CSV.
        classes: number of classes per row.
        sets: whether rows have sets of labels; in CSV they are JSON lists.

    >>> from lpt.task import Prediction
    >>> _, row = formatter(Output.TABLE, 2)
    >>> print(row(PredictionRow("a.jpg", Prediction("a.jpg", ("wren",), (0.4,), ()), unsure=True)))
    a.jpg  unsure  wren 40.0%
    >>> print(row(PredictionRow("b.jpg", None, "no such file")))
    b.jpg  error: no such file
    """
    if output is Output.CSV:
        columns = _columns(classes, sets=sets)
        return csv_text([], columns).rstrip("\n"), lambda row: _csv(row, columns)
    if output is Output.JSONL:
        return "", lambda row: _json(row, sets=sets)
    return "", _line


def _line(row: PredictionRow) -> str:
    if row.prediction is None:
        return printable(f"{row.path}  error: {row.error}")
    line = str(row.prediction).removeprefix(printable(row.prediction.path))
    mark = f"  {UNSURE}" if row.unsure else ""
    members = "" if row.members is None else f"  {{{', '.join(row.members)}}}"
    return printable(f"{row.path}{mark}{line}{members}")


def _json(row: PredictionRow, *, sets: bool) -> str:
    found = row.prediction
    content = {
        "path": row.path,
        "labels": None if found is None else found.labels,
        "probabilities": None if found is None else found.probabilities,
        "matched": None if found is None else found.matched,
        UNSURE: row.unsure,
        **({SET: row.members} if sets else {}),
        "error": row.error or None,
    }
    return json_text(content)


def _columns(classes: int, *, sets: bool) -> list[str]:
    names = ("label", "probability")
    ranked = (f"{name}_{rank}" for rank in range(2, classes + 1) for name in names)
    return ["path", *names, *ranked, UNSURE, *([SET] if sets else []), "error"]


def _csv(row: PredictionRow, columns: list[str]) -> str:
    cells: list[str] = []
    if row.prediction is not None:
        found = zip(row.prediction.labels, row.prediction.probabilities, strict=True)
        cells = [cell for label, p in found for cell in (label, f"{p:.6f}")]
    unsure = None if row.unsure is None else "yes" if row.unsure else "no"
    named = columns[1 : columns.index(UNSURE)]
    values: dict[str, str | None] = dict(zip(named, cells, strict=False))
    values |= {"path": row.path, UNSURE: unsure, "error": row.error or None}
    if SET in columns:
        values[SET] = None if row.members is None else json_text(row.members)
    return csv_text([values], columns, paths=["path"]).partition("\n")[2].removesuffix("\n")
