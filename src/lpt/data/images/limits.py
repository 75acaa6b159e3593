"""Limits on images: size of the file, pixels, bytes of memory, scans.

Memory while an image is decoded stays below `BYTES_PER_PIXEL` times the pixel limit, about 0.7 GB
by default, and the bytes of the file. A small file may claim any number of pixels, and some formats
need several times the memory of the pixels, so the need is computed before anything is decoded.
"""

import os
from collections.abc import Sequence
from typing import Any

from lpt.data.images.containers.encoded_image import EncodedImage
from lpt.data.images.image_error import ImageError
from lpt.errors import ConfigError
from lpt.files.regular_files import size_text

__all__ = [
    "BYTES_PER_PIXEL",
    "MAX_FILE_BYTES",
    "MAX_PIXELS",
    "MAX_SCANS",
    "MAX_SIDE",
    "check_memory",
    "check_pixels",
    "check_stored",
    "pixel_limit",
]

MAX_PIXELS = 178_956_970 // 2
"""Largest width * height by default."""

MAX_SIDE = 2**17
"""Largest width and height: Pillow keeps a pointer of 8 bytes for every row."""

MAX_FILE_BYTES = 512_000_000
"""Largest image file in bytes."""

BYTES_PER_PIXEL = 8
"""Memory of decoding per pixel of the limit: two images of 4 bytes per pixel."""

MAX_SCANS = 16
"""Largest number of passes over a JPEG with as many pixels as the limit. Encoders write 10."""

_VARIABLE = "LPT_MAX_PIXELS"


def pixel_limit(given: int | None = None) -> int:
    """Return the largest number of pixels that an image may have.

    Args:
        given: the limit; None takes the environment variable LPT_MAX_PIXELS, or `MAX_PIXELS`.
    Raises: ConfigError if the variable is not a whole number of 1 or more.
    """
    if given is not None:
        return given
    text = os.environ.get(_VARIABLE)
    if not text:
        return MAX_PIXELS
    if not (text.isascii() and text.isdecimal() and len(text) < 16 and int(text) > 0):
        raise ConfigError(f"{_VARIABLE}={text}: set it to a whole number of pixels, 1 or more.")
    return int(text)


def check_pixels(name: str, width: int, height: int, limit: int) -> None:
    """Check the sides and the pixels of an image.

    Raises: ImageError; for the pixels, it names how to raise the limit.
    """
    if max(width, height) > MAX_SIDE:
        raise ImageError(
            f"{name}: {width} x {height} pixels: no side may have more than {MAX_SIDE:,}. "
            "Cut the image into pieces.",
            "too-large",
        )
    if width * height > limit:
        raise ImageError(
            f"{name}: {width} x {height} pixels exceed the limit of {limit:,}. "
            f"Shrink the image, or raise the limit: {_raised(width * height)}.",
            "too-large",
        )


def check_memory(
    name: str, image: EncodedImage, stored: tuple[int, int], decoded: tuple[int, int], limit: int
) -> None:
    """Check the memory and the time that decoding needs.

    Args:
        name: the image, for messages.
        image: its file.
        stored: width and height in the file.
        decoded: width and height that it is decoded to.
        limit: pixel limit.
    Raises: ImageError naming how to raise the limit.
    """
    pixels, output = stored[0] * stored[1], decoded[0] * decoded[1]
    size = f"{name}: {stored[0]} x {stored[1]} pixels"
    needed = max(image.codec_bytes * pixels + 4 * output, BYTES_PER_PIXEL * output)
    if needed > BYTES_PER_PIXEL * limit:
        raise ImageError(
            f"{size} of {image.label} need {size_text(round(needed))} to decode, more than the "
            f"{size_text(BYTES_PER_PIXEL * limit)} of the pixel limit. Save it in another format, "
            f"or raise the limit: {_raised(round(needed / BYTES_PER_PIXEL) + 1)}.",
            "too-large",
        )
    if image.scans * pixels > MAX_SCANS * limit:
        raise ImageError(
            f"{size} in {image.scans:,} scans take too long to decode. Save it as a baseline JPEG."
            if "JPEG" in image.label
            else f"{size} of 16 bits take too long to decode. Save it in 8 bits.",
            "too-large",
        )


def check_stored(name: str, tiles: Sequence[Any], available: int) -> None:
    """Check that the pixels of an image that are stored without compression are in its file.

    Without this, memory would be taken for pixels that a file of a few bytes only claims.

    Args:
        name: the image, for messages.
        tiles: Pillow's parts of the image: codec, box, offset and arguments.
        available: bytes of the file.
    Raises: ImageError if bytes are missing.
    """
    for codec, box, offset, given in tiles:
        if codec != "raw" or not isinstance(given, tuple) or box is None:
            continue
        height = box[3] - box[1]
        line = given[1] if len(given) > 1 and given[1] else (box[2] - box[0] + 7) // 8
        if offset + (height - 1) * line >= available:
            raise ImageError(
                f"{name}: cannot be decoded, truncated: its {height:,} rows have "
                f"{size_text(height * line)}, and the file has {size_text(available)}. "
                "Replace the file, or leave it out."
            )


def _raised(pixels: int) -> str:
    return f"set {_VARIABLE}={pixels} in the environment, or data.max_pixels for training"
