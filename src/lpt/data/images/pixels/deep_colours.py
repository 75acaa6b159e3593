"""Colours of 16 bits per sample, of which the codecs keep the upper 8."""

import struct
import sys
import zlib
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageFile

from lpt.data.images.containers.encoded_image import EncodedImage
from lpt.data.images.pixels.bit_depth import Samples, used_bits, with_used_bits
from lpt.data.images.pixels.strips import Box

__all__ = ["rawmode_of", "with_low_bits"]

_SWAPPED = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}
_JOINED = ("RGB;16", "RGBA;16", "RGBX;16", "CMYK;16")


def rawmode_of(image: ImageFile.ImageFile) -> str:
    """Return how the samples of an opened image are stored, in the names of Pillow."""
    arguments = image.tile[0][3] if image.tile else None
    return str(arguments[0] if isinstance(arguments, tuple) and arguments else arguments)


def with_low_bits(
    image: ImageFile.ImageFile,
    rawmode: str,
    file: EncodedImage,
    reopened: Callable[[bytes], ImageFile.ImageFile],
) -> Image.Image:
    """Return a loaded image with the upper 8 of its used bits, which may be the lower 8 of 16.

    The lower bytes are decoded by a second pass, and only if the upper bytes are all small.

    Args:
        image: the loaded image: the upper bytes.
        rawmode: its stored samples.
        file: the file.
        reopened: opens bytes as an image of the same format.
    """
    bits = _used_bits(image, file.stated_bits)
    if min(bits) == 16:
        return image
    if rawmode == "LA;16B" and file.kind == "PNG":
        pairs = reopened(_as_four_bands(file.data))
        pairs.load()
        with_used_bits(image, bits[-2:], _from_pairs(pairs))
    elif rawmode.startswith(_JOINED) and rawmode[-1] in _SWAPPED:
        low = reopened(file.data)
        swapped = rawmode[:-1] + _SWAPPED[rawmode[-1]]
        low.tile = [_with_rawmode(tile, swapped) for tile in low.tile]
        low.load()
        with_used_bits(image, bits, _from_bytes(image, low))
    return image


def _used_bits(high: Image.Image, stated: int | None) -> list[int]:
    """Used bits of each band, by its upper bytes. Colours share one number, alpha has its own.

    The number of used bits changes at multiples of 256, so the lower bytes do not matter.
    """
    extrema = np.array(high.getextrema())  # (bands, 2)
    largest = [256 * int(peak) + 255 for peak in extrema[:, 1]]
    if high.mode not in ("RGBA", "LA"):
        return [used_bits(max(largest), stated)] * len(largest)
    colours = [used_bits(max(largest[:-1]), stated)] * (len(largest) - 1)
    return [*colours, used_bits(largest[-1], stated)]


def _with_rawmode(tile: ImageFile._Tile, rawmode: str) -> ImageFile._Tile:
    codec, extents, offset, arguments = tile
    changed = (rawmode, *arguments[1:]) if isinstance(arguments, tuple) else rawmode
    return type(tile)(codec, extents, offset, changed)


def _from_bytes(high: Image.Image, low: Image.Image) -> Samples:
    def samples(box: Box) -> np.ndarray:
        upper, lower = (np.asarray(image.crop(box)).astype(np.uint16) for image in (high, low))
        return (upper << 8) | lower

    return samples


def _from_pairs(pairs: Image.Image) -> Samples:
    def samples(box: Box) -> np.ndarray:
        values = np.asarray(pairs.crop(box)).astype(np.uint16)
        return (values[:, :, 0::2] << 8) | values[:, :, 1::2]

    return samples


def _as_four_bands(png: bytes) -> bytes:
    """Change the header of a PNG of 16-bit grey and alpha: its 4 bytes become 4 bands."""
    header = b"IHDR" + png[16:24] + b"\x08\x06" + png[26:29]
    return png[:12] + header + struct.pack(">I", zlib.crc32(header)) + png[33:]
