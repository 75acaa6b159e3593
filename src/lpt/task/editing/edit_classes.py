"""Rename, remove and merge the classes of a task, and append one whose direction is known."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from lpt.errors import ParameterError
from lpt.task.class_limits import check_class_names
from lpt.task.class_names import class_index
from lpt.task.editing.task_parts import TaskParts

__all__ = [
    "append_class",
    "check_new_class",
    "merge_classes",
    "remove_classes",
    "rename_class",
]

SMALLEST_CLASSES = 2


def rename_class(parts: TaskParts, old: str, new: str) -> TaskParts:
    """Give a class another name; predictions stay the same.

    Raises: ParameterError if there is no class `old`, or the new name is taken or not valid.
    """
    spec = parts.spec
    place = class_index(spec.class_names, old)
    names = list(spec.class_names)
    names[place] = _new_name(names, new)
    return parts.edited(
        parts.classifier,
        tuple(names),
        spec.class_counts,
        action="rename-class",
        classes=(old,),
        result=new,
        scores_hold=True,
    )


def remove_classes(parts: TaskParts, names: Sequence[str]) -> TaskParts:
    """Remove classes; images of theirs are then predicted as one of the others.

    Raises: ParameterError for a name that the task does not have, or if fewer than two classes
        would be left.
    """
    spec = parts.spec
    gone = _places(parts, names)
    kept = [i for i in range(len(spec.class_names)) if i not in gone]
    if len(kept) < SMALLEST_CLASSES:
        raise ParameterError(
            f"removing {len(gone)} of {len(spec.class_names)} classes leaves {len(kept)}; a task "
            f"needs {SMALLEST_CLASSES}."
        )
    return parts.edited(
        parts.classifier[kept],
        tuple(spec.class_names[i] for i in kept),
        tuple(spec.class_counts[i] for i in kept),
        action="remove-class",
        classes=tuple(names),
    )


def merge_classes(parts: TaskParts, names: Sequence[str], into: str) -> TaskParts:
    """Merge classes into one, in the place of the first of them.

    The direction of the merged class is the mean of the unit directions of its parts, each with the
    same weight, so that a rare part is not forgotten. Numbers of images are added.

    Args:
        names: two or more classes.
        into: name of the merged class: one of `names`, or a new one.
    Raises: ParameterError for a name that the task does not have, a name that is taken, or if one
        class would be left.
    """
    spec = parts.spec
    places = _places(parts, names)
    if len(places) < 2:
        raise ParameterError("merging needs two or more classes. To rename one: rename-class")
    others = [name for i, name in enumerate(spec.class_names) if i not in places]
    if len(others) + 1 < SMALLEST_CLASSES:
        raise ParameterError(
            f"merging {len(places)} of {len(spec.class_names)} classes leaves 1; a task needs "
            f"{SMALLEST_CLASSES}."
        )
    merged = into if into in names else _new_name(spec.class_names, into)
    rows = parts.classifier[sorted(places)]
    mean = F.normalize(F.normalize(rows, dim=1).mean(dim=0), dim=0) * rows.norm(dim=1).mean()
    first = min(places)
    kept = [i for i in range(len(spec.class_names)) if i == first or i not in places]
    classifier = parts.classifier[kept].clone()
    classifier[kept.index(first)] = mean
    total = sum(spec.class_counts[i] for i in places)
    return parts.edited(
        classifier,
        tuple(merged if i == first else spec.class_names[i] for i in kept),
        tuple(total if i == first else spec.class_counts[i] for i in kept),
        action="merge-classes",
        classes=tuple(names),
        result=merged,
    )


def append_class(
    parts: TaskParts, name: str, direction: Float[Tensor, " D"], images: int
) -> TaskParts:
    """Append a class whose direction is known.

    Args:
        name: its name, which no other class has.
        direction: (D,) of any length; it is scaled to the mean length of the others.
        images: number of photos that it was made of.
    Raises: ParameterError if the name is taken or not valid.
    """
    spec, rows = parts.spec, parts.classifier
    added = _new_name(spec.class_names, name)
    row = F.normalize(direction.to(rows), dim=0) * rows.norm(dim=1).mean()
    return parts.edited(
        torch.cat([rows, row[None]]),
        (*spec.class_names, added),
        (*spec.class_counts, images),
        action="add-class",
        classes=(added,),
        images=images,
    )


def check_new_class(parts: TaskParts, name: str) -> None:
    """Check the name of a class before work is done for it. Raises: as `append_class`."""
    _new_name(parts.spec.class_names, name)


def _places(parts: TaskParts, names: Sequence[str]) -> set[int]:
    return {class_index(parts.spec.class_names, name) for name in names}


def _new_name(names: Sequence[str], new: str) -> str:
    if new in names:
        raise ParameterError(
            f"class '{new}' exists already. Choose another name; merge-classes joins classes."
        )
    if not new.strip():
        raise ParameterError("a class needs a name that is not empty.")
    check_class_names([*names, new], "the task")
    return new
