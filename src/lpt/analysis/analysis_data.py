"""The images of an analysis: test images, training images as neighbours, other data."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lpt.data.check.listed_images import data_root
from lpt.data.image_stores import FileStore
from lpt.data.manifest import Manifest, Split
from lpt.data.sampling import sample_per_class
from lpt.data.sources.data_string import same_data
from lpt.data.sources.open_data import open_data, open_test
from lpt.errors import DataError, RunError
from lpt.escape import shell_command
from lpt.task import Task
from lpt.training.run.run_data import data_of_run, left_out_of_run, source_of_run

__all__ = ["AnalysisData", "open_analysis_data", "sample_bank"]


@dataclass(frozen=True)
class AnalysisData:
    """Splits of an analysis.

    Attributes:
        name: name of the data in the report.
        images: the analysed images, labelled with the task's classes.
        bank: training images to search for neighbours; None if unknown.
        bank_per_class: maximum of images per class in the bank; None if it has all of them.
        source: images of other data to compare features with, whatever their classes; or None.
        bank_root, images_root: folders that names in lists of suspects are relative to, or None.
        left_out: images of the run's data that it left out as bad.
    """

    name: str
    images: Split
    bank: Split | None
    bank_per_class: int | None
    source: Split | None
    bank_root: Path | None = None
    images_root: Path | None = None
    left_out: tuple[Split, ...] = ()


def open_analysis_data(
    run: Path, task: Task, data: str | None, source: str | None, *, most_bank: int
) -> AnalysisData:
    """Open the data that `lpt analyze RUN [DATA] [--source DATA2]` names.

    Args:
        run: run folder or task file.
        task: the task of this run.
        data: data to analyse; None for the run's own test images, or its validation images if it
            has no test images.
        source: other data whose features are compared; None for none.
        most_bank: maximum of images in the bank; from more training images an equal number per
            class is sampled.
    Raises: RunError if nothing names the data; DataError if it cannot be opened.
    """
    recorded = source_of_run(run)
    given = data is not None and recorded is not None and same_data(data, recorded)
    own = data_of_run(run, task.spec.class_names, given=given)
    if own is None and data is None:
        raise RunError(f"{run}: a task file does not record its data. Name the data too.")
    own_root = None if own is None else data_root(own)
    if data is not None and not given:
        name, images = data, open_test(data, task.spec.class_names).split("test")
        root = images.store.root if isinstance(images.store, FileStore) else None
    else:
        assert own is not None
        name, images, root = own.name, _own_images(run, own), own_root
    bank, per_class = (None, None) if own is None else sample_bank(own.split("train"), most_bank)
    other = None if source is None else _other(source)
    left_out = () if own is None else left_out_of_run(run, own)
    return AnalysisData(name, images, bank, per_class, other, own_root, root, left_out)


def _own_images(run: Path, own: Manifest) -> Split:
    held = own.splits.get("test") or own.splits.get("val")
    if held is None:
        raise DataError(
            f"{own.name}: all its images are training images, so there is nothing to analyse. "
            f"Give other images of the same classes: {shell_command('lpt', 'analyze', run, 'DATA')}"
        )
    return held


def sample_bank(train: Split, most: int) -> tuple[Split, int | None]:
    """Sample the training images that neighbours are searched in.

    Args:
        train: all training images.
        most: number of images; an equal number per class is sampled, at least one.
    Returns: the images, and the largest number per class; None if all were taken.
    """
    if len(train) <= most:
        return train, None
    counts = np.bincount(train.labels)
    per_class = next(
        n for n in range(int(counts.max()), 0, -1) if np.minimum(counts, n).sum() <= most or n == 1
    )
    return train.take(sample_per_class(train.labels, per_class, seed=0)), per_class


def _other(source: str) -> Split:
    opened = open_data(source, val_fraction=0)
    return opened.splits.get("test") or opened.split("train")
