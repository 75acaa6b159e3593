"""Predictions of many images, some of which may be unreadable."""

from collections.abc import Callable, Iterator
from typing import TypeVar

from lpt.errors import DataError
from lpt.task.inference.image_inputs import ImageInput

__all__ = ["each_or_error"]

Inputs = tuple[ImageInput, ...]
Found = TypeVar("Found")
Item = TypeVar("Item")


def each_or_error(
    predict: Callable[[tuple[Item, ...], int], list[Found]], inputs: tuple[Item, ...], workers: int
) -> Iterator[Found | DataError]:
    """Yield the prediction of each image in order, or the error of one that cannot be read.

    Images are predicted together. If one of them cannot be read, an eighth of them is tried at a
    time, and so on, so that a few bad images cost little.

    Args:
        predict: predicts images with a number of worker processes; raises a DataError if one of
            them cannot be read.
        inputs: the images.
        workers: processes that load images, for the first try.
    """
    try:
        yield from predict(inputs, workers)
    except DataError as error:
        if len(inputs) == 1:
            yield error
            return
        size = max(1, len(inputs) // 8)
        for start in range(0, len(inputs), size):
            yield from each_or_error(predict, inputs[start : start + size], workers=0)
