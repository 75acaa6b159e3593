"""Metrics as JSON for programs and as CSV, one line per class, for people."""

from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from lpt.escape import csv_text
from lpt.evaluation.metrics import ClassScore, Metrics
from lpt.files.atomic_files import write_json, write_text

__all__ = ["metrics_csv", "metrics_json", "write_metrics"]


def metrics_json(metrics: Metrics) -> dict[str, Any]:
    """Convert to plain JSON values; undefined values are null, never NaN."""
    group_scores = {
        group: {"accuracy": score.accuracy, **asdict(score)}
        for group, score in metrics.group_scores.items()
    }
    return {
        **metrics.summary(),
        "images": metrics.images,
        "correct": metrics.correct,
        "classes_without_test": metrics.classes_without_test,
        "group_bounds": asdict(metrics.groups),
        "groups": group_scores,
        "classes": [asdict(score) for score in metrics.class_scores],
    }


def metrics_csv(metrics: Metrics) -> str:
    """Format the class scores as CSV with a header line; undefined values are empty."""
    columns = [field.name for field in fields(ClassScore)]
    return csv_text([asdict(score) for score in metrics.class_scores], columns)


def write_metrics(folder: Path, name: str, metrics: Metrics) -> None:
    """Write `name`.json (all metrics) and `name`.csv (one line per class) to a folder."""
    write_json(folder / f"{name}.json", metrics_json(metrics))
    write_text(folder / f"{name}.csv", metrics_csv(metrics))
