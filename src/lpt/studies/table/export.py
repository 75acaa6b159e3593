"""A study's table as CSV and JSON."""

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from lpt.escape import csv_text
from lpt.evaluation import Spread
from lpt.evaluation.bootstrap import Difference
from lpt.studies.table.study_table import StudyTable, TableRow

__all__ = ["study_csv", "study_json"]


def study_csv(table: StudyTable) -> str:
    """Return one line per row: means and deviations in separate columns, in full precision."""
    rows = [_flat(row) for row in table.rows]
    return csv_text(rows, dict.fromkeys(name for row in rows for name in row))


def study_json(table: StudyTable) -> dict[str, Any]:
    """Return everything as plain JSON values; undefined numbers are null."""
    tree: dict[str, Any] = _json({**asdict(table), "rows": [_row_json(row) for row in table.rows]})
    return tree


def _flat(row: TableRow) -> dict[str, Any]:
    flat: dict[str, Any] = {"label": row.label, "backbone": row.backbone, "seeds": row.seeds}
    if row.curve:
        flat["curve"] = row.curve
    for name, spread in {**row.scores, **row.features}.items():
        flat |= {name: spread.mean, f"{name}_deviation": _number(spread.deviation)}
    for name, spread in row.tta.items():
        flat[f"tta_{name}"] = spread.mean
        flat[f"tta_{name}_deviation"] = _number(spread.deviation)
    flat |= {
        "parameters": row.parameters,
        "seconds": None if row.seconds is None else row.seconds.mean,
        "peak_memory_bytes": row.peak_memory_bytes,
        "epochs": " + ".join(map(str, row.epochs)),
        "standard_epochs": " + ".join(map(str, row.standard)),
        "lr": row.lr,
        "absolute_lr": row.absolute_lr,
        "lr_at_edge": row.at_edge,
    }
    flat |= {f"selection_macro_{lr}": score for lr, score in row.tried.items()}
    flat |= _flat_differences("", row.difference)
    flat |= _flat_differences("tta_", row.tta_difference)
    for paper in row.paper:
        flat |= {f"paper_{name}": value for name, value in paper.values.items()}
    return {**flat, "smoke_test_only": row.random, "failed": row.failed}


def _flat_differences(prefix: str, differences: Mapping[str, Difference]) -> dict[str, float]:
    return {
        f"{prefix}difference_{name}{end}": value
        for name, found in differences.items()
        for end, value in (("", found.mean), ("_low", found.low), ("_high", found.high))
    }


def _row_json(row: TableRow) -> dict[str, Any]:
    def named(spreads: Mapping[str, Spread]) -> dict[str, Any]:
        return {name: spread._asdict() for name, spread in spreads.items()}

    return {
        **asdict(row),
        "scores": named(row.scores),
        "tta": named(row.tta),
        "features": named(row.features),
        "seconds": None if row.seconds is None else row.seconds._asdict(),
        "paper": [paper.model_dump(mode="json") for paper in row.paper],
        "fewer_epochs_than_standard": row.is_short,
    }


def _json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _json(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_json(one) for one in value]
    return _number(value) if isinstance(value, float) else value


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
