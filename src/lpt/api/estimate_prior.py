"""Class frequencies estimated from images, before the images are predicted under them."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

import numpy as np
import numpy.typing as npt

from lpt.errors import DataError
from lpt.evaluation.chosen_prior import ChosenPrior
from lpt.records import Predictions
from lpt.task.class_prior import estimate_task_prior
from lpt.task.inference.image_inputs import ImageLike, as_split, iterate_inputs
from lpt.task.inference.predict_each import Inputs, each_or_error
from lpt.task.trained_task import Task

__all__ = ["EvenSample", "estimate_image_prior"]

Floats = npt.NDArray[np.float32]

MOST_NUMBERS = 2**24
"""Cosines that are kept in memory for an estimate: 64 MB."""


class EvenSample:
    """Every k-th row of a stream of unknown length, for the smallest k = 1, 2, 4, ... that fits.

    Args:
        most: rows that are kept at most; at least 2.

    Attributes:
        seen: rows so far.

    >>> sample = EvenSample(3)
    >>> for number in range(5):
    ...     sample.add(np.array([number]))
    >>> sample.rows().tolist()
    [[0], [2], [4]]
    """

    def __init__(self, most: int) -> None:
        self._most, self._step, self.seen = most, 1, 0
        self._rows: list[Floats] = []

    def add(self, row: Floats) -> None:
        """Take the next row."""
        if self.seen % self._step == 0:
            if len(self._rows) == self._most:
                self._rows, self._step = self._rows[::2], 2 * self._step
            if self.seen % self._step == 0:
                self._rows.append(row)
        self.seen += 1

    def rows(self) -> Floats:
        """Return the rows that were kept."""
        return np.stack(self._rows)


def estimate_image_prior(
    task: Task,
    images: Iterable[ImageLike],
    *,
    chunk: int = 512,
    workers: int = 0,
    on_images: Callable[[int], None] = lambda _: None,
) -> ChosenPrior:
    """Estimate the class frequencies of images without labels.

    Images that cannot be read are left out. Any number of images takes little memory: of more than
    16.8 million cosines, those of every second, fourth, ... image are kept.

    Args:
        task: with its own class frequencies: without `with_prior`.
        images: paths, bytes, PIL images, arrays or tensors.
        chunk: images that are read together.
        workers: processes that load images.
        on_images: called with the number of images of each finished chunk.
    Raises: DataError if no image can be read.
    Source: `lpt.evaluation.chosen_prior.choose_prior`.

    >>> task = lpt.load("runs/digits", device="cpu")
    >>> estimate = estimate_image_prior(task, ["7.png"] * 50)
    >>> str(task.class_names[estimate.prior.argmax()]), estimate.follows
    ('7', 'images')
    >>> estimate_image_prior(task, ["7.png"]).follows
    'task'
    """
    sample = EvenSample(max(2, MOST_NUMBERS // len(task.class_names)))
    remaining = iterate_inputs(iter(images))
    while some := tuple(islice(remaining, chunk)):
        for row in _cosines(task, some, workers):
            if not isinstance(row, DataError):
                sample.add(row)
        on_images(len(some))
    if not sample.seen:
        raise DataError("No image can be read, so class frequencies cannot be estimated.")
    rows = sample.rows()
    return estimate_task_prior(task.spec, Predictions(rows, np.zeros(len(rows), dtype=np.int64)))


def _cosines(task: Task, inputs: Inputs, workers: int) -> Iterator[Floats | DataError]:
    return each_or_error(
        lambda some, n: list(task.run(as_split(some), workers=n).logits), inputs, workers
    )
