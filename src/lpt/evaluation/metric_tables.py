"""Tables of results for terminals and Markdown: one row per model, one column per metric."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from lpt.data.class_groups import ClassGroups
from lpt.escape import markdown_text, printable
from lpt.progress import SUMMARY_METRICS, known_metrics

__all__ = ["COLUMNS", "Column", "Spread", "render_table"]

DASH = "-"


class Spread(NamedTuple):
    """Mean and standard deviation over runs, shown in one cell."""

    mean: float
    deviation: float


Cell = str | float | int | Spread | None


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        key: name of its value in a row.
        title: heading.
        kind: how values are formatted: "text"; "percent", a share in [0, 1], as 41.3; "count" as
            1,013,760; "seconds" as 12.3; "number" as 1.234.
    """

    key: str
    title: str
    kind: Literal["text", "percent", "count", "seconds", "number"] = "percent"


COLUMNS = (
    Column("model", "model", "text"),
    *(Column(name, name) for name in SUMMARY_METRICS),
    Column("params", "params", "count"),
    Column("seconds", "seconds", "seconds"),
)
"""Default columns: the metrics are those of `Metrics.summary`, params are the trainable ones."""


def render_table(
    rows: Sequence[Mapping[str, Cell]],
    columns: Sequence[Column] = COLUMNS,
    *,
    style: Literal["plain", "markdown"] = "plain",
    groups: ClassGroups | None = None,
) -> str:
    """Format rows as a table: text aligned left, numbers aligned right.

    A shot group without a value in any row has no column.

    Args:
        rows: values by column key; a value that is missing, None or not finite becomes a dash.
        columns: columns from left to right.
        style: "plain" for terminals, or "markdown".
        groups: if given, a last line defines many, medium and few, and macro if it is shown.

    >>> print(render_table([{"model": "probe", "few": 0.125}], [COLUMNS[0], COLUMNS[4]]))
    model   few
    -----  ----
    probe  12.5
    """
    known = known_metrics(rows, [column.key for column in columns])
    columns = [column for column in columns if column.key in known]
    lines = [[printable(column.title) for column in columns]]
    lines += [[_cell(row.get(column.key), column.kind) for column in columns] for row in rows]
    left = [column.kind == "text" for column in columns]
    table = _markdown(lines, left) if style == "markdown" else _plain(lines, left)
    if groups is not None:
        bounds = ", ".join(f"{name} {text}" for name, text in groups.describe().items())
        table += ["", f"Training images per class: {bounds}."]
        table += ["Macro: mean accuracy of the classes."] if "macro" in known else []
    return "\n".join(table)


def _plain(lines: list[list[str]], left: list[bool]) -> list[str]:
    header, *body = _aligned(lines, left)
    rule = ["-" * _columns_of(text) for text in header]
    return ["  ".join(cells).rstrip() for cells in (header, rule, *body)]


def _markdown(lines: list[list[str]], left: list[bool]) -> list[str]:
    escaped = [[markdown_text(text) for text in line] for line in lines]
    header, *body = _aligned(escaped, left)
    rule = [
        "-" * (_columns_of(text) - 1) + ("-" if is_left else ":")
        for text, is_left in zip(header, left, strict=True)
    ]
    return [f"| {' | '.join(cells)} |" for cells in (header, rule, *body)]


def _aligned(lines: list[list[str]], left: list[bool]) -> list[list[str]]:
    """Pad cells to the width of their column, at least 3 (a rule of Markdown)."""
    widths = [max(3, *map(_columns_of, column)) for column in zip(*lines, strict=True)]
    return [[_fill(*cell) for cell in zip(line, widths, left, strict=True)] for line in lines]


def _fill(text: str, width: int, left: bool) -> str:
    blank = " " * (width - _columns_of(text))
    return text + blank if left else blank + text


def _cell(value: Cell, kind: str) -> str:
    if isinstance(value, Spread):
        return f"{_cell(value.mean, kind)} ± {_cell(value.deviation, kind)}"
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return DASH
    if isinstance(value, str) or kind == "text":
        return printable(str(value))
    return _NUMBERS[kind].format(value * 100 if kind == "percent" else value)


_NUMBERS = {"percent": "{:.1f}", "count": "{:,.0f}", "seconds": "{:.1f}", "number": "{:.3f}"}


def _columns_of(text: str) -> int:
    """Columns that a text takes in a terminal."""
    from rich.cells import cell_len  # only tables need it, predicting does not

    return cell_len(text)
