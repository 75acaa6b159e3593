"""Reduce pixels of more than 8 bits to 8, by the number of bits that they use.

Many files store 8, 10, 12 or 14 bits in 16. Their upper 8 bits would be black. The rule: the values
use the smallest of 8, 10, 12, 14 and 16 bits that holds the largest value of the image, unless a
TIFF tag (BitsPerSample, MaxSampleValue or SMaxSampleValue) or the sBIT chunk of a PNG names another
number below 16 that holds it. The upper 8 of the used bits are kept. The rule looks at one image,
so training and use give the same picture.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from lpt.data.images.pixels.strips import Box, strips

__all__ = ["Samples", "grey_to_8_bits", "used_bits", "with_used_bits"]

Samples: TypeAlias = Callable[[Box], npt.NDArray[np.uint16]]
"""A function from a box to its 16-bit samples, (height, width, bands)."""

_DEPTHS = (8, 10, 12, 14, 16)


def used_bits(largest: int, stated: int | None = None) -> int:
    """Return how many bits the values of an image use, 8 to 16.

    Args:
        largest: the largest value, below 65536.
        stated: number of bits that the file names; ignored if the largest value needs more.

    >>> used_bits(255), used_bits(256), used_bits(4095), used_bits(40_000)
    (8, 10, 12, 16)
    >>> used_bits(255, stated=12), used_bits(40_000, stated=12)
    (12, 16)
    """
    if stated is not None and 8 <= stated < 16 and largest < 1 << stated:
        return stated
    return next(bits for bits in _DEPTHS if largest < 1 << bits)


def grey_to_8_bits(
    image: Image.Image, *, stated: int | None = None, white_is_zero: bool = False
) -> Image.Image | tuple[int, int]:
    """Reduce a grey image of 16-bit or 32-bit integers to mode L.

    Args:
        image: a loaded image of mode I, I;16, I;16B, I;16L or I;16N.
        stated: number of bits that the file names.
        white_is_zero: whether 0 is white and the largest value black.
    Returns: the image; or the smallest and the largest value, if they are not within 16 bits.
    """
    parts = [np.asarray(image.crop(box)) for box in strips(image.size)[:1]]
    low, high = int(parts[0].min()), int(parts[0].max())
    for box in strips(image.size)[1:]:
        part = np.asarray(image.crop(box))
        low, high = min(low, int(part.min())), max(high, int(part.max()))
    if low < 0 or high > 65_535:
        return low, high
    shift = used_bits(high, stated) - 8
    grey = Image.new("L", image.size)
    for box in strips(image.size):
        values = (np.asarray(image.crop(box)) >> shift).astype(np.uint8)
        grey.paste(Image.fromarray(255 - values if white_is_zero else values), box)
    return grey


def with_used_bits(image: Image.Image, bits: Sequence[int], samples: Samples) -> None:
    """Write the upper 8 of the used bits of 16-bit samples into an image of 8-bit bands.

    Args:
        image: a loaded image of mode RGB, RGBA, LA or CMYK, which is changed.
        bits: used bits of each band of the samples.
        samples: 16-bit samples of a box. Two bands, grey and alpha, may go to an RGBA image.
    """
    shifts = np.array(bits, dtype=np.uint16) - 8
    for box in strips(image.size):
        values = (samples(box) >> shifts).astype(np.uint8)
        if image.mode == "RGBA" and len(bits) == 2:
            values = values[:, :, [0, 0, 0, 1]]
        size = (box[2] - box[0], box[3] - box[1])
        image.paste(Image.frombytes(image.mode, size, values.tobytes()), box)
