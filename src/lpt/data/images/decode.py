"""Decode image bytes to upright RGB, the same in training, evaluation and prediction."""

import io
import math
import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

from PIL import Image, ImageFile

from lpt.data.images.containers.encoded_image import EncodedImage
from lpt.data.images.containers.examine import examine
from lpt.data.images.containers.tiff_layout import explain_tiff
from lpt.data.images.formats import FORMATS, SUFFIXES
from lpt.data.images.image_error import ImageError
from lpt.data.images.limits import (
    MAX_PIXELS,
    check_memory,
    check_pixels,
    check_stored,
    pixel_limit,
)
from lpt.data.images.pixels.deep_colours import rawmode_of, with_low_bits
from lpt.data.images.pixels.orientation import read_orientation, turned
from lpt.data.images.pixels.to_rgb import to_rgb
from lpt.errors import ConfigError

__all__ = ["FORMATS", "MAX_PIXELS", "SUFFIXES", "Header", "ImageError", "decode", "read_header"]

_REPLACE = "Replace the file, or leave it out."
_PLUGINS = {
    "JPEG": "Jpeg",
    "PNG": "Png",
    "WEBP": "WebP",
    "BMP": "Bmp",
    "TIFF": "Tiff",
    "GIF": "Gif",
    "AVIF": "Avif",
}
_IN_INFO = ("WEBP", "HEIF", "AVIF")  # formats whose records are read by their own decoder
# Pillow warns about odd metadata while it reads a header. Warning filters are global, so only one
# thread at a time may replace them.
_header_lock = threading.Lock()


@dataclass(frozen=True)
class Header:
    """Facts about an image that are known before it is decoded.

    Attributes:
        kind: one of FORMATS, by content.
        width, height: in pixels as stored, before EXIF orientation is applied.
        animated: whether there is more than one frame or page.
    """

    kind: str
    width: int
    height: int
    animated: bool


def read_header(data: bytes, *, name: str, max_pixels: int | None = None) -> Header:
    """Read format, size and animation of an image file. Raises: ImageError as `decode`."""
    file = examine(data, name)
    # Phones store a depth map or a thumbnail as a second picture in a JPEG: not an animation.
    image = _open(file, name, pixel_limit(max_pixels))
    found = bool(getattr(image, "is_animated", False))
    animated = found if file.kind in _IN_INFO else file.animated
    return Header(file.kind, *image.size, animated)


def decode(
    data: bytes, *, name: str, max_pixels: int | None = None, target: int | None = None
) -> Image.Image:
    """Decode one image file to upright RGB.

    EXIF orientation is applied; transparent images are composited onto white; of 16-bit samples
    the upper 8 of the used bits are kept (see `lpt.data.images.pixels.bit_depth`); CMYK, palette
    and grey images are converted to RGB; of an animation the first frame is used. Metadata that no
    pixel needs is not read. Memory is bounded (see `lpt.data.images.limits`).

    >>> import io
    >>> file = io.BytesIO()
    >>> Image.new("L", (4, 3)).save(file, "PNG")
    >>> image = decode(file.getvalue(), name="grey.png")
    >>> image.mode, image.size
    ('RGB', (4, 3))

    Args:
        data: the whole file: JPEG, PNG, WebP, BMP, TIFF or GIF, recognised by content, not suffix.
        name: name in messages.
        max_pixels: maximum of width * height, checked in the header before anything is decoded;
            None takes the environment variable LPT_MAX_PIXELS, or `MAX_PIXELS`.
        target: if given, a JPEG may be decoded at 1/2, 1/4 or 1/8 of its size as long as its short
            side keeps at least this many pixels. Several times faster for large photographs. Images
            of more than `MAX_PIXELS` are halved until they have fewer.
    Returns: a loaded PIL image of mode RGB.
    Raises: ImageError (a DataError) naming the file and its fault: empty, not an image of a
        supported format, too large, truncated or damaged, or of an unsupported pixel type;
        ConfigError if LPT_MAX_PIXELS is not a number.
    """
    limit = pixel_limit(max_pixels)
    file = examine(data, name)
    opened = _open(file, name, limit)
    stored = opened.size
    try:
        if target is not None and file.kind == "JPEG":
            scale = target / min(stored)
            opened.draft(None, (math.ceil(stored[0] * scale), math.ceil(stored[1] * scale)))
        check_memory(name, file, stored, opened.size, limit)
        check_stored(name, opened.tile, len(file.data))
        rawmode = rawmode_of(opened)
        opened.load()
        orientation = _orientation(file, opened.info)
        image: Image.Image = opened
        if ";16" in rawmode and len(image.getbands()) > 1:
            image = with_low_bits(
                opened, rawmode, file, lambda again: _open(replace(file, data=again), name, limit)
            )
        del opened  # memory is bounded: two images at most
        image = to_rgb(image, file, name)
        if target is not None:
            image = _reduced(image)
        return turned(image, orientation)
    except (ImageError, ConfigError):
        raise
    except Exception as error:  # whatever a codec raises means that the file is bad
        raise ImageError(
            f"{name}: cannot be decoded, truncated or damaged ({_short(error)}). {_REPLACE}"
        ) from error


def _open(file: EncodedImage, name: str, limit: int) -> ImageFile.ImageFile:
    """Read the header of an image within the limit of pixels."""
    if file.size is not None:  # its decoder allocates memory when it is opened
        check_pixels(name, *file.size, limit)
        check_memory(name, file, file.size, file.size, limit)
    try:
        with _header_lock, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = _factory(file.kind)(io.BytesIO(file.data), "")
    except Image.DecompressionBombError as error:
        message = f"{name}: too large ({_short(error)}). Shrink the image."
        raise ImageError(message, "too-large") from error
    except Exception as error:  # see decode
        why = explain_tiff(file.data) if file.kind == "TIFF" and _is_layout(error) else None
        if why is not None:
            raise ImageError(f"{name}: {why}", "unsupported") from error
        raise ImageError(f"{name}: its header is damaged ({_short(error)}). {_REPLACE}") from error
    check_pixels(name, *image.size, limit)
    return image


def _factory(kind: str) -> Callable[[io.BytesIO, str], ImageFile.ImageFile]:
    """Return the opener of a format: `Image.open` without its own limit of pixels."""
    if kind not in Image.OPEN:
        import_module(f"PIL.{_PLUGINS[kind]}ImagePlugin")
    opener: Callable[[io.BytesIO, str], ImageFile.ImageFile] = Image.OPEN[kind][0]
    return opener


def _is_layout(error: Exception) -> bool:
    """Whether Pillow does not know the layout of pixels; it raises the same for nothing else."""
    return isinstance(error, SyntaxError | KeyError)


def _reduced(image: Image.Image) -> Image.Image:
    """Halve an image until it has at most `MAX_PIXELS`; only a raised limit lets it have more."""
    while image.width * image.height > MAX_PIXELS:
        image = image.reduce(2)
    return image


def _orientation(file: EncodedImage, info: dict[str | tuple[int, int], Any]) -> int:
    if file.kind == "TIFF":  # Pillow has turned it upright
        return 1
    if file.kind in _IN_INFO:
        return read_orientation(info.get("exif"), info.get("xmp"))
    return read_orientation(file.exif, file.xmp)


def _short(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 120 else text[:117] + "..."
