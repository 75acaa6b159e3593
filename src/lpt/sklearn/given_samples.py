"""What scikit-learn users pass as X, as images: lists, image arrays, columns, rows of pixels."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from lpt.errors import ParameterError
from lpt.task.inference.image_inputs import ImageInput, iterate_inputs

__all__ = ["SampleError", "as_samples", "is_rows", "rows_as_images", "samples_as_inputs"]

Array = npt.NDArray[Any]


class SampleError(ParameterError, ValueError):
    """An argument that scikit-learn expects a ValueError for."""


def as_samples(samples: Any) -> Any:
    """Return samples as they are; those that can only become an array, as an array."""
    if hasattr(samples, "__array__") and not hasattr(samples, "__len__"):
        return samples if isinstance(samples, Image.Image) else np.asarray(samples)
    return samples


def is_rows(samples: object) -> bool:
    """Whether samples are rows of numbers, (n, features): the usual X of scikit-learn.

    A column of text or of images is not; other rows of objects are, if they convert to numbers.

    >>> is_rows(np.zeros((3, 64))), is_rows(["a.jpg"]), is_rows(np.zeros((3, 8, 8)))
    (True, False, False)
    """
    if hasattr(samples, "toarray"):  # sparse; refused by the validation of scikit-learn
        return True
    shape = getattr(samples, "shape", None)
    if shape is not None:
        return len(shape) == 2 and not (shape[1] == 1 and _is_image_column(samples))
    if not isinstance(samples, list | tuple) or not len(samples):
        return False
    first = samples[0]
    if isinstance(first, np.ndarray):
        return first.ndim == 1
    return isinstance(first, list | tuple | int | float | complex | np.number)


def samples_as_inputs(samples: Any) -> tuple[ImageInput, ...]:
    """Return the images of a list, an array (n, H, W[, 3]), a tensor or a column, not read yet.

    Args:
        samples: paths, PIL images, bytes or pixels; a data frame has one column of them.
    Raises: SampleError for anything else, and if there are none.

    >>> [one.name for one in samples_as_inputs(["a.jpg", np.zeros((8, 8))])]
    ['a.jpg', 'images[1]']
    """
    if isinstance(samples, str | bytes) or not isinstance(samples, Iterable):
        raise SampleError(
            f"`X`: {type(samples).__name__} given. Give a list of images, such as ['a.jpg']."
        )
    shape: tuple[int, ...] = getattr(samples, "shape", ())
    listed = np.asarray(samples)[:, 0] if len(shape) == 2 and shape[1] == 1 else samples
    try:
        inputs = tuple(iterate_inputs(list(listed)))
    except ParameterError as error:
        raise SampleError(*error.template.splitlines()) from error
    if not inputs:
        raise SampleError("`X`: Found array with 0 sample(s); give at least one image.")
    return inputs


def rows_as_images(
    rows: Array, shape: tuple[int, ...] | None, limits: tuple[float, float]
) -> tuple[ImageInput, ...]:
    """Return rows of pixels as grey or colour images.

    Args:
        rows: (n, features) finite numbers.
        shape: (H, W) or (H, W, 3) of an image; None takes squares where `features` is a square
            number, and otherwise strips of height 1.
        limits: the values that become black and white; values beyond them are clipped.
    Raises: SampleError if `shape` does not hold `features` pixels.

    >>> rows_as_images(np.eye(2, 4), None, (0.0, 1.0))[1].content
    array([[  0, 255],
           [  0,   0]], dtype=uint8)
    """
    features = rows.shape[1]
    side = round(features**0.5)
    if shape is None:
        shape = (side, side) if side * side == features else (1, features)
    if np.prod(shape) != features:
        raise SampleError(
            f"`image_shape` {shape}: has {np.prod(shape)} values, but X has {features} columns. "
            "Give (height, width) or (height, width, 3)."
        )
    low, high = limits
    share = (rows.astype(np.float64) - low) / ((high - low) or 1.0)
    pixels = np.rint(np.clip(share, 0, 1) * 255).astype(np.uint8).reshape(len(rows), *shape)
    return tuple(iterate_inputs(list(pixels)))


def _is_image_column(samples: Any) -> bool:
    """Whether the only column holds paths or images, not numbers."""
    column = samples.iloc[:, 0] if hasattr(samples, "iloc") else samples[:, 0]
    return np.asarray(column).dtype.kind in "OUST"
