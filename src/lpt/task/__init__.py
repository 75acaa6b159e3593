"""Trained tasks: load them, predict images, compute features, score data.

This package imports neither training nor configuration, so that predicting stays light.
"""

from lpt.task.find_images import find_images
from lpt.task.load_path import load
from lpt.task.prediction import Prediction
from lpt.task.run_result import Result, Summary, read_result
from lpt.task.trained_task import Task

__all__ = ["Prediction", "Result", "Summary", "Task", "find_images", "load", "read_result"]
