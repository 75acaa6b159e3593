"""Change the classes of a trained task: each function writes a new task file."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lpt.api.train_task import choose_reporter
from lpt.arguments import fraction, path_text
from lpt.backbones import FrozenViT
from lpt.data.manifest import Manifest, Split
from lpt.data.sampling import sample_per_class
from lpt.data.sources.open_data import open_data
from lpt.errors import DataError, ParameterError
from lpt.progress import Reporter
from lpt.records import Output
from lpt.task import Task, load
from lpt.task.editing.edit_classes import append_class, check_new_class
from lpt.task.editing.edit_classes import merge_classes as merged
from lpt.task.editing.edit_classes import remove_classes as reduced
from lpt.task.editing.edit_classes import rename_class as renamed
from lpt.task.editing.place_class import OldImages, PlacedClass, place_class
from lpt.task.editing.task_parts import check_new_file, read_parts, save_parts
from lpt.task.exported.exported_task import ExportedTask
from lpt.task.inference.image_inputs import Images, as_split, iterate_inputs
from lpt.training.run.run_data import data_of_run

__all__ = ["add_class", "merge_classes", "remove_classes", "rename_class"]

PathLike = str | os.PathLike[str]

MOST_LOST = 0.01
"""Share of the images of old classes that a new class may take."""

PER_CLASS, IN_ALL = 20, 2000
"""Images of old classes that a new class is compared with."""

FEWEST_MEASURED = 50
"""Validation images; with fewer, the cost is measured on training images."""


def add_class(
    task: PathLike,
    name: str,
    photos: Images,
    *,
    out: PathLike,
    others: PathLike | None = None,
    most_lost: float = MOST_LOST,
    backbone: FrozenViT | str | os.PathLike[str] | None = None,
    device: str | torch.device | None = None,
    workers: int = 0,
    verbose: bool = False,
    reporter: Reporter | None = None,
) -> PlacedClass:
    """Add a class to a task from a few photos, without training.

    Prompts, keys and the other classes stay as they are. The new class scores as the old ones do
    (`lpt.task.editing.place_class`), which takes images of the old classes: at most 20 of each.

    Args:
        task: run folder or task file.
        name: name of the new class.
        photos: photos of it: paths, bytes, PIL images, arrays or tensors.
        out: the task file to write; it must not exist.
        others: data with images of the old classes; None for the data of the run.
        most_lost: largest share of images of the old classes that may be predicted as the new class
            although they were predicted correctly before; measured on validation images where
            there are any.
        backbone, device: as for `lpt.load`.
        workers: processes that load images.
        verbose, reporter: of progress, as for `lpt.train`.
    Returns: what the new class does to the photos and to the old images.
    Raises: ParameterError if the name is taken or `out` exists, or there are no images of the old
        classes; DataError for a photo that cannot be read; otherwise as `lpt.load`.
    """
    fraction("most_lost", most_lost)
    file = _new_file(task, out, (name,))
    if others is not None:
        path_text("others", others)
    parts = read_parts(task)
    check_new_class(parts, name)
    pictures = as_split(iterate_inputs(photos))
    if not len(pictures):
        raise DataError(f"class '{name}': no photo was given. Give one or more.")
    data = _old_data(Path(task), parts.spec.class_names, others)
    train = data.splits.get("train") or next(iter(data.splits.values()))
    most = max(2, min(PER_CLASS, IN_ALL // len(parts.spec.class_names)))
    some = train.take(sample_per_class(train.labels, most, 0))
    val = data.splits.get("val")
    loaded = load(task, backbone=backbone, device=device)
    if isinstance(loaded, ExportedTask):
        raise ParameterError(f"`task` {task}: is an export. Give the run that it was made of.")
    look = _Look(loaded, workers, choose_reporter(verbose, reporter))
    new = look.at(pictures, f"photos of {name}")
    old = look.at(some, "images of the other classes")
    measured = old
    if val is not None and len(val) >= FEWEST_MEASURED:
        measured = look.at(val.take(np.arange(min(len(val), IN_ALL))), "validation images")
    placed = place_class(new.features, new.cosines, old, measured, most_lost=most_lost)
    direction = torch.from_numpy(placed.direction)
    save_parts(file, append_class(parts, name, direction, placed.images))
    return placed


def remove_classes(task: PathLike, names: Sequence[str], *, out: PathLike) -> None:
    """Remove classes from a task.

    Args:
        task: run folder or task file.
        names: the classes.
        out: the task file to write; it must not exist.
    Raises: ParameterError for an unknown class, with the nearest known ones, if fewer than two
        classes would be left, or if `out` exists; TaskFileError for a damaged file.
    """
    file = _new_file(task, out, _listed(names))
    save_parts(file, reduced(read_parts(task), names))


def rename_class(task: PathLike, old: str, new: str, *, out: PathLike) -> None:
    """Give a class of a task another name.

    Args:
        task: run folder or task file.
        old, new: its name now, and its new name.
        out: the task file to write; it must not exist.
    Raises: ParameterError for an unknown class or a name that is taken; otherwise as
        `remove_classes`.
    """
    file = _new_file(task, out, (old, new))
    save_parts(file, renamed(read_parts(task), old, new))


def merge_classes(task: PathLike, names: Sequence[str], into: str, *, out: PathLike) -> None:
    """Merge classes of a task into one.

    Args:
        task: run folder or task file.
        names: two or more classes.
        into: name of the merged class: one of `names`, or a new one.
        out: the task file to write; it must not exist.
    Raises: as `rename_class`.
    """
    file = _new_file(task, out, (*_listed(names), into))
    save_parts(file, merged(read_parts(task), names, into))


def _new_file(task: PathLike, out: PathLike, names: Sequence[str]) -> Path:
    """Check the arguments that every function has, and return the path of the new file."""
    path_text("task", task)
    for name in names:
        if not isinstance(name, str):
            raise ParameterError(f"class names: {type(name).__name__} given. Give texts.")
    return check_new_file(path_text("out", out))


def _listed(names: Sequence[str]) -> tuple[str, ...]:
    if isinstance(names, str) or not isinstance(names, Sequence):
        raise ParameterError(f"`names`: {type(names).__name__} given. Give a list of class names.")
    return tuple(names)


class _Look:
    """Features and cosines of images."""

    def __init__(self, task: Task, workers: int, reporter: Reporter) -> None:
        self.task, self.workers, self.reporter = task, workers, reporter

    def at(self, split: Split, title: str) -> OldImages:
        features = []

        def model(batch: Tensor) -> Output:
            output = self.task.forward(batch)
            features.append(output.feature.float().cpu().numpy())
            return output

        self.reporter.begin(title, len(split), unit="images")
        try:
            found = self.task.run(
                split, model=model, workers=self.workers, on_batch=self.reporter.advance
            )
        finally:
            self.reporter.end()
        return OldImages(np.concatenate(features), found.logits, found.labels)


def _old_data(task: Path, class_names: Sequence[str], others: PathLike | None) -> Manifest:
    if others is not None:
        return open_data(os.fspath(others), class_names=class_names)
    data = data_of_run(task, class_names) if task.is_dir() else None
    if data is None:
        raise ParameterError(
            "`others`: a task file does not hold images of its classes, which a new class is "
            "compared with. Name data that has some of them."
        )
    return data
