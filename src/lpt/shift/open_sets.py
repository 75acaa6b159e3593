"""Test sets in every form that a caller may name them."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import numpy as np

from lpt.data.manifest import Manifest, Split
from lpt.data.sources.label_rules import class_places
from lpt.data.sources.shifted_sets import ShiftedSet, open_shifted
from lpt.errors import DataError, ParameterError
from lpt.progress import listed

__all__ = ["TestData", "open_sets"]

TestData: TypeAlias = str | os.PathLike[str] | Manifest | Split
"""A test set: anything that `lpt.data.sources.shifted_sets.open_shifted` opens, an opened data set
(its test split; classes are matched by name), or a split whose labels are the task's."""


def open_sets(name: str, data: TestData, class_names: Sequence[str]) -> tuple[ShiftedSet, ...]:
    """Open test data over the classes that it shares with a task.

    Args:
        name: name in tables and files.
        class_names: (C,) classes of the task.
    Returns: one set, or several for the folder of ImageNet-C.
    Raises: DataError for data that cannot be opened, has no test images, or has a class that the
        task does not know; ParameterError for an argument of another type.
    """
    if isinstance(data, Split):
        if len(data) and not 0 <= int(data.labels.min()) <= data.labels.max() < len(class_names):
            raise DataError(f"{data.name}: has labels outside 0..{len(class_names) - 1}.")
        members = tuple((index,) for index in range(len(class_names)))
        return (ShiftedSet(name, data, tuple(class_names), members),)
    if isinstance(data, Manifest):
        return (_of_manifest(name, data, class_names),)
    if isinstance(data, str | os.PathLike):
        return open_shifted(name, data if isinstance(data, str) else Path(data), class_names)
    raise ParameterError(
        f"`data`: {type(data).__name__} given. Give a path, the name of a data set, what "
        "lpt.open_data returns, or a split."
    )


def _of_manifest(name: str, data: Manifest, class_names: Sequence[str]) -> ShiftedSet:
    split = data.split("test")
    present, labels = np.unique(split.labels, return_inverse=True)
    names = tuple(data.class_names[c] for c in present)
    places = class_places(names, class_names)
    unknown = [label for label, place in zip(names, places, strict=True) if place is None]
    if unknown:
        raise DataError(
            f"{data.name}: unknown classes: {listed([*map(repr, unknown)])}. "
            "The task was not trained on them; leave them out."
        )
    members = tuple((place,) for place in places if place is not None)
    aligned = replace(split, labels=labels.astype(np.int64))
    return ShiftedSet(name, aligned, names, members, notes=data.notes)
