"""The package as functions: train, score and change a task. Names are loaded on first use."""

from typing import TYPE_CHECKING, Any

from lpt.lazy import find_name

if TYPE_CHECKING:
    from lpt.api.edit_task import add_class, merge_classes, remove_classes, rename_class
    from lpt.api.evaluate_task import evaluate
    from lpt.api.plan_request import plan_training
    from lpt.api.run_baseline import train_baseline
    from lpt.api.run_trust import trust_run
    from lpt.api.train_request import TrainRequest
    from lpt.api.train_task import finish, prepare, run_name, train

__all__ = [
    "TrainRequest",
    "add_class",
    "evaluate",
    "finish",
    "merge_classes",
    "plan_training",
    "prepare",
    "remove_classes",
    "rename_class",
    "run_name",
    "train",
    "train_baseline",
    "trust_run",
]

_HOMES = {
    "TrainRequest": "lpt.api.train_request",
    "add_class": "lpt.api.edit_task",
    "merge_classes": "lpt.api.edit_task",
    "remove_classes": "lpt.api.edit_task",
    "rename_class": "lpt.api.edit_task",
    "evaluate": "lpt.api.evaluate_task",
    "finish": "lpt.api.train_task",
    "plan_training": "lpt.api.plan_request",
    "prepare": "lpt.api.train_task",
    "run_name": "lpt.api.train_task",
    "train": "lpt.api.train_task",
    "train_baseline": "lpt.api.run_baseline",
    "trust_run": "lpt.api.run_trust",
}


def __getattr__(name: str) -> Any:
    return find_name(__name__, _HOMES, name)
