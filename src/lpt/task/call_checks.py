"""Checks of the arguments of a task's functions: one line for whatever has the wrong type."""

import os
from collections.abc import Callable
from pathlib import Path

from lpt.arguments import path_text
from lpt.backbones import FrozenViT
from lpt.backbones.compact.weight_type import check_weight_type
from lpt.data.manifest import Split
from lpt.errors import ParameterError, TaskFileError, at_least

__all__ = ["OnBatch", "check_load", "check_run", "check_split"]

OnBatch = Callable[[int], None]
"""Called with the number of images of each finished batch."""


def check_load(path: object, backbone: object, weights: object = "float32") -> None:
    """Check what a task is loaded from.

    Args:
        weights: number type of the weights of a backbone that is loaded.
    Raises: ParameterError naming the argument and its type; TaskFileError for a path that is no
        path on this system, such as one that is too long.
    """
    given = path_text("path", path)
    try:
        Path(given).is_dir()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise TaskFileError(
            f"{given}: cannot be opened ({reason}). Give a run folder or a task file."
        ) from error
    if backbone is not None and not isinstance(backbone, FrozenViT | str):
        raise ParameterError(
            f"`backbone`: {type(backbone).__name__} given. "
            "Give a name, or what lpt.backbones.load_backbone returns, or leave it out."
        )
    check_weight_type("backbone_weights", weights)
    if isinstance(backbone, FrozenViT) and weights != "float32":
        raise ParameterError(
            f"`backbone_weights` {weights}: the backbone is loaded already. Give its name, or call "
            f"load_backbone(NAME, weights='{weights}')."
        )


def check_split(split: object) -> None:
    """Check that labelled images are a split.

    Raises: ParameterError that names the function for other forms of data.

    >>> check_split("photos/")
    Traceback (most recent call last):
    ...
    lpt.errors.ParameterError: split: str given. For data by its path: lpt.evaluate(task, 'photos/')
    """
    if isinstance(split, Split):
        return
    given = type(split).__name__
    if isinstance(split, str | os.PathLike):
        raise ParameterError(
            f"`split`: {given} given. For data by its path: "
            f"lpt.evaluate(task, {os.fspath(split)!r})"
        )
    raise ParameterError(
        f"`split`: {given} given. Give lpt.open_data(DATA).split('test'), or call "
        "lpt.evaluate(task, DATA)."
    )


def check_run(batch_size: object, workers: object, on_batch: object) -> None:
    """Check how images are run. Raises: ParameterError naming the argument."""
    at_least("batch_size", batch_size, 1)
    at_least("workers", workers, 0)
    if on_batch is not None and not callable(on_batch):
        raise ParameterError(
            f"`on_batch`: {type(on_batch).__name__} given. Give a function of a number of images."
        )
