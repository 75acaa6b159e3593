"""LPT trains image classifiers on long-tailed data by tuning prompts for a frozen ViT.

>>> import lpt
>>> task = lpt.load("runs/digits", device="cpu")
>>> print(task.predict("7.png", top=2)[0])
7.png  7 36.4%  4 21.8%

Importing this package has no side effects: names are loaded on first use.
"""

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from lpt.lazy import find_name

if TYPE_CHECKING:
    from lpt.api import (
        add_class,
        evaluate,
        merge_classes,
        remove_classes,
        rename_class,
        train,
        train_baseline,
        trust_run,
    )
    from lpt.backbones import register_backbone
    from lpt.baselines import register_baseline
    from lpt.data.sampling import register_sampler
    from lpt.data.sources.known.known_datasets import register_dataset
    from lpt.data.sources.open_data import open_data
    from lpt.errors import LptError
    from lpt.losses import register_loss
    from lpt.task import Prediction, Task, load

    __version__: str

__all__ = [
    "LptError",
    "Prediction",
    "Task",
    "add_class",
    "evaluate",
    "load",
    "merge_classes",
    "open_data",
    "register_backbone",
    "register_baseline",
    "register_dataset",
    "register_loss",
    "register_sampler",
    "remove_classes",
    "rename_class",
    "train",
    "train_baseline",
    "trust_run",
]

_HOMES = {
    "LptError": "lpt.errors",
    "Prediction": "lpt.task",
    "Task": "lpt.task",
    "add_class": "lpt.api",
    "evaluate": "lpt.api",
    "load": "lpt.task",
    "merge_classes": "lpt.api",
    "open_data": "lpt.data.sources.open_data",
    "register_backbone": "lpt.backbones",
    "register_baseline": "lpt.baselines",
    "register_dataset": "lpt.data.sources.known.known_datasets",
    "register_loss": "lpt.losses",
    "register_sampler": "lpt.data.sampling",
    "remove_classes": "lpt.api",
    "rename_class": "lpt.api",
    "train": "lpt.api",
    "train_baseline": "lpt.api",
    "trust_run": "lpt.api",
}
"""Module that defines each public name."""


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return version("lpt")
    return find_name(__name__, _HOMES, name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
