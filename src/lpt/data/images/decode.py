"""Decode image bytes to upright RGB, the same in training, evaluation and prediction."""

import io
import threading
import warnings
from dataclasses import dataclass

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from lpt.data.images.formats import (
    FORMATS,
    HEAD,
    SUFFIXES,
    can_decode,
    content_format,
    decoded_formats,
    format_advice,
    formats_to_try,
)
from lpt.errors import DataError

__all__ = ["FORMATS", "MAX_PIXELS", "SUFFIXES", "Header", "ImageError", "decode", "read_header"]

MAX_PIXELS = 178_956_970 // 2

_REPLACE = "Replace the file, or leave it out."
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Pillow warns about odd metadata while it reads a header. Warning filters are global, so only one
# thread at a time may replace them.
_header_lock = threading.Lock()


class ImageError(DataError):
    """An image that cannot be decoded.

    Attributes:
        kind: empty, not-image, unsupported, too-large or damaged.
    """

    def __init__(self, message: str, kind: str = "damaged"):
        super().__init__(message)
        self.kind = kind


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


def read_header(data: bytes, *, name: str) -> Header:
    """Read format, size and animation of an image file. Raises: ImageError as `decode`."""
    image = _open(data, name)
    kind = _kind(image)
    # Phones store a depth map or a thumbnail as a second picture in a JPEG: not an animation.
    animated = kind != "JPEG" and bool(getattr(image, "is_animated", False))
    return Header(kind, *image.size, animated)


def decode(
    data: bytes, *, name: str, max_pixels: int = MAX_PIXELS, target: int | None = None
) -> Image.Image:
    """Decode one image file to upright RGB.

    EXIF orientation is applied; transparent images are composited onto white; 16-bit grey is
    reduced to its upper 8 bits; CMYK, palette and grey images are converted to RGB; of an
    animation the first frame is used.

    >>> import io
    >>> file = io.BytesIO()
    >>> Image.new("L", (4, 3)).save(file, "PNG")
    >>> image = decode(file.getvalue(), name="grey.png")
    >>> image.mode, image.size
    ('RGB', (4, 3))

    Args:
        data: the whole file: JPEG, PNG, WebP, BMP, TIFF or GIF, recognised by content, not suffix.
        name: name in messages.
        max_pixels: maximum of width * height, checked in the header before anything is decoded.
        target: if given, a JPEG may be decoded at 1/2, 1/4 or 1/8 of its size as long as its short
            side keeps at least this many pixels. Several times faster for large photographs.
    Returns: a loaded PIL image of mode RGB.
    Raises: ImageError (a DataError) naming the file and its fault: empty, not an image of a
        supported format, too large, truncated or damaged, or of an unsupported pixel type.
    """
    image = _open(data, name)
    width, height = image.size
    if width * height > max_pixels:
        raise ImageError(
            f"{name}: {width} x {height} pixels exceed the limit of {max_pixels:,}. "
            "Shrink the image or raise the limit.",
            "too-large",
        )
    try:
        if target is not None and _kind(image) == "JPEG":
            scale = target / min(width, height)
            image.draft(None, (int(np.ceil(width * scale)), int(np.ceil(height * scale))))
        image.load()
        turn = _TURNS.get(_orientation(image))
        rgb = _to_rgb(image, name)
    except ImageError:
        raise
    except Exception as error:  # whatever a codec raises means that the file is bad
        raise ImageError(
            f"{name}: cannot be decoded, truncated or damaged ({_short(error)}). {_REPLACE}"
        ) from error
    return rgb if turn is None else rgb.transpose(turn)


def _kind(image: Image.Image) -> str:
    return "JPEG" if image.format == "MPO" else str(image.format)


def _open(data: bytes, name: str) -> Image.Image:
    if not data:
        raise ImageError(f"{name}: the file is empty (0 bytes). {_REPLACE}", "empty")
    kind = content_format(data[:HEAD])
    if kind is not None and not can_decode(kind):
        raise ImageError(
            f"{name}: {kind} images are not supported here. {format_advice('', kind)}",
            "unsupported",
        )
    try:
        with _header_lock, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Image.open(io.BytesIO(data), formats=formats_to_try(kind))
    except UnidentifiedImageError as error:
        raise ImageError(
            f"{name}: not an image of a supported format ({', '.join(decoded_formats())}), or its "
            "first bytes are damaged. Convert it, or leave it out.",
            "not-image",
        ) from error
    except Image.DecompressionBombError as error:
        message = f"{name}: too large ({_short(error)}). Shrink the image."
        raise ImageError(message, "too-large") from error
    except Exception as error:  # see decode
        raise ImageError(f"{name}: its header is damaged ({_short(error)}). {_REPLACE}") from error


def _orientation(image: Image.Image) -> int:
    """EXIF orientation; 1 (upright) if the tag is missing or unreadable."""
    try:
        with _header_lock, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # damaged metadata of an intact image, which viewers ignore too
        return 1


def _to_rgb(image: Image.Image, name: str) -> Image.Image:
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith("I"):
        return _from_16_bit(image, name)
    if image.mode in ("F", "LAB"):
        raise ImageError(
            f"{name}: pixels of type {image.mode} have no defined range of brightness. "
            "Save the image with 8 or 16 bits per channel."
        )
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")


def _from_16_bit(image: Image.Image, name: str) -> Image.Image:
    values = np.asarray(image).astype(np.int64)
    if values.min() < 0 or values.max() > 65_535:
        raise ImageError(
            f"{name}: 32-bit pixels from {values.min()} to {values.max()} have no defined range of "
            "brightness. Save the image with 8 or 16 bits per channel."
        )
    return Image.fromarray((values >> 8).astype(np.uint8)).convert("RGB")


def _short(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 120 else text[:117] + "..."
