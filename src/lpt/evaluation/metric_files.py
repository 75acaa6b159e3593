"""Metrics on disk: JSON for programs, CSV with a line a class for people."""

from pathlib import Path

from lpt.evaluation.metrics import Metrics, metrics_csv, metrics_json
from lpt.files import write_json, write_text

__all__ = ["write_metrics"]


def write_metrics(folder: Path, name: str, metrics: Metrics) -> None:
    """Write `name`.json (everything) and `name`.csv (one line a class) into a folder."""
    write_json(folder / f"{name}.json", metrics_json(metrics))
    write_text(folder / f"{name}.csv", metrics_csv(metrics))
