"""All images of a data set as found, before it is split."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from lpt.data.image_stores import ImageStore
from lpt.data.image_tree import Problem
from lpt.errors import DataError

__all__ = ["Listing", "canonical_split", "class_indices", "with_classes"]

Ids = npt.NDArray[np.int64]
Names = npt.NDArray[np.str_]

_SPLITS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
}


@dataclass(frozen=True)
class Listing:
    """Images with labels, and with splits if the data has them.

    Attributes:
        name: name in messages.
        class_names: (C,) names in index order.
        named: False if the names are just the numbers of the labels.
        store: source of the encoded images.
        labels: (n,) class indices.
        splits: (n,) train, val or test; "" for images without a split.
        groups: (n,) groups that must not be divided between splits (animal, patient, video), or
            None.
        notes: lines about the data that people should see, such as what was left out.
        problems: faults that keep some images from being used.
    """

    name: str
    class_names: tuple[str, ...]
    named: bool
    store: ImageStore
    labels: Ids
    splits: Names
    groups: Names | None = None
    notes: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


def canonical_split(name: str) -> str:
    """Map the usual names of splits to train, val or test; anything else (`all`) to "".

    >>> canonical_split("Validation"), canonical_split("all")
    ('val', '')
    """
    return _SPLITS.get(name.strip().lower(), "")


def class_indices(
    labels: npt.NDArray[np.generic], names: Names | None, where: str
) -> tuple[tuple[str, ...], Ids, bool]:
    """Number the classes: by label if labels are integers, else by sorted name.

    Args:
        labels: (n,) integers, or names.
        names: (n,) name of each label, if known.
        where: name of the data in messages.
    Returns: class names in index order, (n,) indices, and whether the names are real names.
    Raises: DataError if a label is negative, or has different names.
    """
    if not np.issubdtype(labels.dtype, np.integer):
        found, index = np.unique(labels.astype(np.str_), return_inverse=True)
        # A list read as text holds integers as text.
        if names is None and not all(re.fullmatch(r"\d{1,9}", name) for name in found):
            return _distinct(found, where), index.astype(np.int64), True
        if not all(re.fullmatch(r"-?\d{1,9}", name) for name in found):
            raise DataError(
                f"{where}: has label names and also labels such as {str(found[-1])!r}. "
                "Write integers as labels, or remove the label names."
            )
        labels = labels.astype(np.int64)
    numbers, first, index = np.unique(labels, return_index=True, return_inverse=True)
    if len(numbers) and int(numbers[0]) < 0:
        raise DataError(f"{where}: label {numbers[0]} is negative. Count labels from 0.")
    if names is None:
        return tuple(str(number) for number in numbers), index.astype(np.int64), False
    expected = names[first]
    wrong = np.flatnonzero(expected[index] != names)
    if len(wrong):
        i = int(wrong[0])
        raise DataError(
            f"{where}: label {labels[i]} is called both {str(expected[index[i]])!r} and "
            f"{str(names[i])!r}. Give each label one name."
        )
    return _distinct(expected, where), index.astype(np.int64), True


def with_classes(listing: Listing, class_names: Sequence[str]) -> Listing:
    """Relabel a listing with indices into `class_names`, matched by name.

    Labels without names are taken as indices. Classes that the listing lacks keep their index.

    Raises: DataError naming classes of the listing that are not in `class_names`.
    """
    place = {name: index for index, name in enumerate(class_names)}
    by_number = not listing.named and not set(listing.class_names) <= set(place)
    if by_number:
        place = {str(index): index for index in range(len(class_names))}
    unknown = [name for name in listing.class_names if name not in place]
    if unknown:
        shown = ", ".join(repr(name) for name in unknown[:3]) + (", ..." if unknown[3:] else "")
        raise DataError(
            f"{listing.name}: {len(unknown)} unknown classes: {shown}. The class list has "
            f"{len(class_names)} names, from {class_names[0]!r} to {class_names[-1]!r}; "
            "rename or remove the others."
        )
    table = np.array([place[name] for name in listing.class_names], dtype=np.int64)
    return replace(
        listing, class_names=tuple(class_names), named=True, labels=table[listing.labels]
    )


def _distinct(names: Names, where: str) -> tuple[str, ...]:
    values, counts = np.unique(names, return_counts=True)
    if counts.max(initial=1) > 1:
        raise DataError(
            f"{where}: the name {str(values[counts > 1][0])!r} belongs to several labels. "
            "Give each label its own name."
        )
    if "" in values:
        raise DataError(f"{where}: a class has an empty name. Name every class.")
    return tuple(str(name) for name in names)
