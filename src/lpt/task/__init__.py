"""Trained tasks: load them, predict images, compute features, score data.

This package imports neither training nor configuration, so that predicting stays light. Names are
loaded on first use, so that a wrong path is noticed before torch is imported.
"""

from typing import TYPE_CHECKING, Any

from lpt.lazy import find_name

if TYPE_CHECKING:
    from lpt.task.inference.find_images import find_images
    from lpt.task.load_path import load
    from lpt.task.prediction import Prediction
    from lpt.task.run_result import Result, Summary, read_result
    from lpt.task.trained_task import Task

__all__ = ["Prediction", "Result", "Summary", "Task", "find_images", "load", "read_result"]

_HOMES = {
    "Prediction": "lpt.task.prediction",
    "Result": "lpt.task.run_result",
    "Summary": "lpt.task.run_result",
    "Task": "lpt.task.trained_task",
    "find_images": "lpt.task.inference.find_images",
    "load": "lpt.task.load_path",
    "read_result": "lpt.task.run_result",
}


def __getattr__(name: str) -> Any:
    return find_name(__name__, _HOMES, name)
