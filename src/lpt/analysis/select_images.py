"""The images that an analysis is about: the run's own test images or others; its neighbours."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lpt.data.manifest import Split
from lpt.data.sources.data_string import same_data
from lpt.data.sources.open_data import open_data, open_test
from lpt.errors import RunError
from lpt.task import Task
from lpt.training.run.run_data import data_of_run
from lpt.training.run.training_context import first_of_each_class

__all__ = ["Opened", "open_images"]


@dataclass(frozen=True)
class Opened:
    """Splits of an analysis.

    Attributes:
        name: what the report calls the data.
        images: the analysed images, with labels in the task's classes.
        bank: training images to find neighbours among; None where they are not known.
        bank_per_class: most images that the bank took of a class; None if it took all.
        source: images of other data to compare features with (classes do not matter), or None.
    """

    name: str
    images: Split
    bank: Split | None
    bank_per_class: int | None
    source: Split | None


def open_images(
    run: Path, task: Task, data: str | None, source: str | None, *, most_bank: int
) -> Opened:
    """Open what `lpt analyze RUN [DATA] [--source DATA2]` names.

    Args:
        data: None for the test images of the run's own data (its validation images where it has
            no test images).
        most_bank: images of the bank; of more training images an equal number a class is drawn.
    Raises: RunError if nothing says where the data is; DataError if it cannot be opened.
    """
    own = data_of_run(run, task.spec.class_names)
    if own is None and data is None:
        raise RunError(f"{run}: a task file does not say where its data is. Name the data too.")
    if data is not None and (own is None or not same_data(data, own.name)):
        name, images = data, open_test(data, task.spec.class_names)
    else:
        assert own is not None
        name, images = own.name, own.splits.get("test") or own.split("val")
    bank, per_class = (None, None) if own is None else _bank(own.split("train"), most_bank)
    return Opened(name, images, bank, per_class, None if source is None else _other(source))


def _bank(train: Split, most: int) -> tuple[Split, int | None]:
    if len(train) <= most:
        return train, None
    counts = np.bincount(train.labels)
    per_class = next(
        n for n in range(int(counts.max()), 0, -1) if np.minimum(counts, n).sum() <= most or n == 1
    )
    return train.take(first_of_each_class(train.labels, per_class, seed=0)), per_class


def _other(source: str) -> Split:
    opened = open_data(source, val_fraction=0)
    return opened.splits.get("test") or opened.split("train")
