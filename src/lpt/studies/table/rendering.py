"""A study's table and its plan, for terminals and Markdown."""

import math
from collections.abc import Mapping, Sequence
from typing import Literal

from lpt.escape import markdown_text, printable
from lpt.evaluation import Column, Spread, render_table
from lpt.evaluation.bootstrap import Difference
from lpt.evaluation.metric_tables import Cell
from lpt.progress import human_time, plural
from lpt.studies.define.definition import Published
from lpt.studies.run.row_result import RowPlan
from lpt.studies.table.smallest_cost import cost_lines
from lpt.studies.table.study_table import ACCURACIES, StudyTable, TableRow

__all__ = ["render_plan", "render_study"]

FEATURE_COLUMNS = (
    Column("gamma", "gamma", "number"),
    Column("inner", "inner", "number"),
    Column("inter", "inter", "number"),
    Column("knn", "K-NN"),
    Column("knn_few", "K-NN few"),
)
SHORT, RANDOM, FAILED, UNEVEN, EDGE, TTA = "*", "†", "!", "‡", "^", "§"
MARKS = {
    SHORT: "trained for fewer epochs than the method's default; not a valid result for it",
    RANDOM: "smoke test only: the backbone is untrained, so the numbers do not compare methods",
    UNEVEN: "mean over fewer seeds than other rows",
    EDGE: "the best learning rate is the lowest or highest candidate; a better one may lie beyond",
    TTA: "predicts with test-time augmentation, as its source does, and other rows do not; --tta "
    "scores all rows both ways",
    FAILED: "a run failed",
}

Style = Literal["plain", "markdown"]


def render_study(table: StudyTable, style: Style = "plain") -> str:
    """Return title, table, differences with intervals, and notes."""
    title, data = f"{table.name}: {table.about}", printable(table.data)
    if style == "markdown":
        title, data = f"# {title}", markdown_text(data)
    head = [title, "", f"{data}. Source: {table.source}.", ""]
    columns = [Column("label", "method", "text"), *_score_columns(table), *_cost_columns(table)]
    most = max(row.seeds for row in table.rows)
    rows = [_cells(row, most) for row in table.rows]
    parts = [*head, render_table(rows, columns, style=style, groups=table.groups)]
    parts += _differences({row.label: row.difference for row in table.rows}, table, style)
    if any(row.tta for row in table.rows):
        parts += ["", *_tta_table(table, style)]
    if any(row.tried for row in table.rows):
        parts += ["", *_choice(table, style)]
    notes = [*cost_lines(table.costs), *_legend(table, most), *table.notes, *_made_with(table)]
    notes = [printable(note) for note in notes]
    if style == "markdown":
        notes = ["- " + markdown_text(note) for note in notes]
    parts += ["", *notes]
    return "\n".join(parts).rstrip() + "\n"


def render_plan(rows: Sequence[RowPlan]) -> str:
    """Return the runs that each row needs and has, and the time for the missing ones."""
    columns = [Column("label", "method", "text"), Column("choosing", "lr selection", "text")]
    columns.append(Column("final", "for the table", "text"))
    columns.append(Column("time", "time left", "text"))
    cells: list[Mapping[str, Cell]] = [
        {
            "label": row.label,
            "choosing": f"{row.choosing_done} of {row.choosing}" if row.choosing else "-",
            "final": f"{row.final_done} of {row.final}",
            "time": _time_left(row),
        }
        for row in rows
    ]
    return "\n".join([render_table(cells, columns).rstrip(), "", *_total_time(rows)]) + "\n"


def _time_left(row: RowPlan) -> str:
    if row.seconds is None:
        return "-"
    return f"{'~ ' if row.measured else ''}{human_time(row.seconds)}" if row.seconds else "none"


def _total_time(rows: Sequence[RowPlan]) -> list[str]:
    """The total, and where the times come from."""
    known = [row.seconds for row in rows if row.seconds is not None]
    unknown = len(rows) - len(known)
    more = f", and {plural(unknown, 'row')} of unknown time" if unknown else ""
    rough = " (rough)" if any(row.measured and row.seconds for row in rows) else ""
    lines = [f"Total time left on this machine: about {human_time(sum(known))}{rough}{more}."]
    if any(row.seconds and not row.measured for row in rows):
        lines.append("Times come from the recorded seconds of finished runs of the same kind.")
    if any(row.measured for row in rows):
        lines.append(
            "~ rough, from a few steps timed now; a step of a baseline counts as one of phase 1, "
            "and most take less. Other programs on this machine make it longer."
        )
    return lines


def _score_columns(table: StudyTable) -> list[Column]:
    columns = [Column(name, name) for name in ACCURACIES]
    columns += [Column(name, name) for name in table.shifted]
    return columns + (list(FEATURE_COLUMNS) if table.with_features else [])


def _cost_columns(table: StudyTable) -> list[Column]:
    columns = [Column("parameters", "params", "count"), Column("seconds", "seconds", "seconds")]
    columns += [Column("memory", "peak MB", "count"), Column("epochs", "epochs", "text")]
    columns += [Column("lr", "lr", "text")]
    if any(row.paper for row in table.rows):
        columns.append(Column("paper", "paper", "text"))
    return columns


def _cells(row: TableRow, most_seeds: int) -> dict[str, Cell]:
    measures = {**row.scores, **row.features}
    return {
        **{name: _cell(spread) for name, spread in measures.items()},
        "label": row.label + "".join(_marks(row, most_seeds)),
        "parameters": row.parameters if row.seeds else None,
        "seconds": None if row.seconds is None else row.seconds.mean,
        "memory": row.peak_memory_bytes / 1e6 if row.peak_memory_bytes else None,
        "epochs": " + ".join(map(str, row.epochs)) or "-",
        "lr": _lr(row),
        "paper": "; ".join(map(_paper, row.paper)) or "-",
    }


def _lr(row: TableRow) -> str:
    """The multiple and its value."""
    if not row.lr:
        return "-"
    if row.absolute_lr is None or not row.lr.startswith("x"):
        return row.lr
    return f"{row.lr} ({row.absolute_lr:.2g})"


def _cell(spread: Spread) -> Cell:
    return spread.mean if math.isnan(spread.deviation) else spread


def _paper(paper: Published) -> str:
    about = "~" if paper.derived else ""
    values = [
        f"{about}{value if name == 'gamma' else _as_printed(100 * value)}"
        + ("" if name == "overall" else f" {name}")
        for name, value in paper.values.items()
    ]
    where = "" if paper.data == Published.model_fields["data"].default else f" ({paper.data})"
    return " / ".join(values) + where


def _as_printed(percent: float) -> str:
    """As the paper prints it: 50.07, 76.1, 37."""
    return f"{percent:.2f}".rstrip("0").rstrip(".")


def _marks(row: TableRow, most_seeds: int) -> list[str]:
    marks = {
        SHORT: row.is_short,
        RANDOM: row.random,
        UNEVEN: 0 < row.seeds < most_seeds,
        EDGE: row.at_edge,
        TTA: row.uses_tta,
        FAILED: bool(row.failed),
    }
    return [f" {mark}" for mark, holds in marks.items() if holds]


def _legend(table: StudyTable, most_seeds: int) -> list[str]:
    used = {mark.strip() for row in table.rows for mark in _marks(row, most_seeds)}
    lines = [f"{mark} {text}." for mark, text in MARKS.items() if mark in used and mark != FAILED]
    for row in table.rows:
        if row.failed:
            reason = row.failed.splitlines()[0]
            lines.append(f"{FAILED} {row.label}: {reason} (--retry trains it again)")
    if most_seeds > 1:
        lines.append(f"± standard deviation over {most_seeds} seeds.")
    if any(paper.derived for row in table.rows for paper in row.paper):
        lines.append("~ computed from a difference printed in the paper: ± 0.5.")
    if any(row.paper for row in table.rows):
        lines.append(
            "paper: ViT-B/16 (ImageNet-21k) on Places-LT unless noted; other data and backbones "
            "give other numbers."
        )
    return lines


def _made_with(table: StudyTable) -> list[str]:
    """Versions, device and precision of the runs, which several machines may have trained."""
    by_machine: dict[str, list[str]] = {}
    for row in table.rows:
        for made in filter(None, row.made_with):
            by_machine.setdefault(made, []).append(row.label)
    if len(by_machine) == 1:
        return [f"Runs were trained with {next(iter(by_machine))}."]
    return [f"Trained with {made}: {'; '.join(rows)}." for made, rows in by_machine.items()]


def _choice(table: StudyTable, style: Style) -> list[str]:
    """The score of each candidate learning rate on the selection images."""
    title = "Macro accuracy of each candidate learning rate on the selection images"
    lrs = list(dict.fromkeys(lr for row in table.rows for lr in row.tried))
    columns = [Column("label", "method", "text"), *(Column(lr, lr) for lr in lrs)]
    rows = [{"label": row.label, **row.tried} for row in table.rows if row.tried]
    head = f"## {title}" if style == "markdown" else title
    return [head, "", render_table(rows, columns, style=style)]


def _tta_table(table: StudyTable, style: Style) -> list[str]:
    """The second table: the same models with test-time augmentation."""
    title = "The same models with test-time augmentation (TTA)"
    columns = [Column("label", "method", "text"), *(Column(n, n) for n in ACCURACIES)]
    rows = [
        {"label": row.label, **{name: _cell(spread) for name, spread in row.tta.items()}}
        for row in table.rows
    ]
    return [
        f"## {title}" if style == "markdown" else title,
        "",
        render_table(rows, columns, style=style, groups=table.groups),
        *_differences({row.label: row.tta_difference for row in table.rows}, table, style),
    ]


def _differences(
    by_row: Mapping[str, Mapping[str, Difference]], table: StudyTable, style: Style
) -> list[str]:
    if not any(by_row.values()):
        return []
    columns = [Column("label", f"minus {table.reference}", "text")]
    measured = {name for differences in by_row.values() for name in differences}
    names = [name for name in (*ACCURACIES, *table.shifted) if name in measured]
    columns += [Column(name, name, "text") for name in names]
    seeds = max(row.seeds for row in table.rows)
    over = (
        "test images and seeds" if seeds > 1 else "test images; one seed cannot show seed variance"
    )
    rows = [
        {
            "label": label,
            **{name: _difference(d) for name, d in differences.items()},
        }
        for label, differences in by_row.items()
        if differences
    ]
    note = (
        f"Points, with the 95 % interval of a paired bootstrap over {over}; ? where it contains 0."
    )
    return ["", render_table(rows, columns, style=style), "", note]


def _difference(d: Difference) -> str:
    if d.low == d.high == 0:
        return "none"
    interval = f"{100 * d.mean:+.1f} [{100 * d.low:+.1f}, {100 * d.high:+.1f}]"
    return interval + (" " if d.is_clear else " ?")
