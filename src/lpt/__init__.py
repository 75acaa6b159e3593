"""Long-tailed prompt tuning: classifiers for few-and-many classes from a frozen ViT.

>>> import lpt
>>> task = lpt.train("photos/", out="runs/birds")            # doctest: +SKIP
>>> task.predict(["a.jpg"])[0].labels                        # doctest: +SKIP

Importing this package does no work; names are loaded when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lpt.api import load, train
    from lpt.errors import LptError
    from lpt.task import Prediction, Task

__all__ = ["LptError", "Prediction", "Task", "load", "train"]

_HOMES = {
    "LptError": "lpt.errors",
    "Prediction": "lpt.task",
    "Task": "lpt.task",
    "load": "lpt.api",
    "train": "lpt.api",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'lpt' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
