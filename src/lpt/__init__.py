"""LPT trains image classifiers on long-tailed data by tuning prompts for a frozen ViT.

>>> import lpt
>>> task = lpt.load("runs/digits", device="cpu")
>>> print(task.predict("7.png", top=2)[0])
7.png  7 65.9%  5 18.3%

Importing this package has no side effects: names are loaded on first use.
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lpt.api import evaluate, train
    from lpt.data.sources.open_data import open_data
    from lpt.errors import LptError
    from lpt.task import Prediction, Task, load

    __version__: str

__all__ = [
    "LptError",
    "Prediction",
    "Task",
    "evaluate",
    "load",
    "open_data",
    "train",
]

_HOMES = {
    "LptError": "lpt.errors",
    "Prediction": "lpt.task",
    "Task": "lpt.task",
    "evaluate": "lpt.api",
    "load": "lpt.task",
    "open_data": "lpt.data.sources.open_data",
    "train": "lpt.api",
}
"""Module that defines each public name."""


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return version("lpt")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'lpt' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
