"""Metrics of predictions and features, and the tables that show them."""

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
