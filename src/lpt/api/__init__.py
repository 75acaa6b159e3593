"""The package as functions: train a task, score a task."""

from lpt.api.evaluate_task import evaluate
from lpt.api.train_request import TrainRequest
from lpt.api.train_task import finish, prepare, run_name, train

__all__ = ["TrainRequest", "evaluate", "finish", "prepare", "run_name", "train"]
