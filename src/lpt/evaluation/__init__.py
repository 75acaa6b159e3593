"""Metrics of predictions and features, and the tables that show them.

Names are loaded on first use, so that tables are rendered without torch.
"""

from typing import TYPE_CHECKING, Any

from lpt.lazy import find_name

if TYPE_CHECKING:
    from lpt.evaluation.calibration import calibration_error, calibration_errors, fit_temperature
    from lpt.evaluation.knn import class_mean_accuracy, class_mean_scores, knn_accuracy, knn_scores
    from lpt.evaluation.metric_files import metrics_csv, metrics_json
    from lpt.evaluation.metric_tables import COLUMNS, Column, Spread, render_table
    from lpt.evaluation.metrics import ClassScore, GroupScore, Metrics, evaluate

__all__ = [
    "COLUMNS",
    "ClassScore",
    "Column",
    "GroupScore",
    "Metrics",
    "Spread",
    "calibration_error",
    "calibration_errors",
    "class_mean_accuracy",
    "class_mean_scores",
    "evaluate",
    "fit_temperature",
    "knn_accuracy",
    "knn_scores",
    "metrics_csv",
    "metrics_json",
    "render_table",
]

_HOMES = {
    "COLUMNS": "lpt.evaluation.metric_tables",
    "ClassScore": "lpt.evaluation.metrics",
    "Column": "lpt.evaluation.metric_tables",
    "GroupScore": "lpt.evaluation.metrics",
    "Metrics": "lpt.evaluation.metrics",
    "Spread": "lpt.evaluation.metric_tables",
    "calibration_error": "lpt.evaluation.calibration",
    "calibration_errors": "lpt.evaluation.calibration",
    "class_mean_accuracy": "lpt.evaluation.knn",
    "class_mean_scores": "lpt.evaluation.knn",
    "evaluate": "lpt.evaluation.metrics",
    "fit_temperature": "lpt.evaluation.calibration",
    "knn_accuracy": "lpt.evaluation.knn",
    "knn_scores": "lpt.evaluation.knn",
    "metrics_csv": "lpt.evaluation.metric_files",
    "metrics_json": "lpt.evaluation.metric_files",
    "render_table": "lpt.evaluation.metric_tables",
}


def __getattr__(name: str) -> Any:
    return find_name(__name__, _HOMES, name)
