"""Recognise the format of an image file, and reduce the file to what a decoder needs."""

import struct

from lpt.data.images.containers.encoded_image import EncodedImage
from lpt.data.images.containers.gif_blocks import reduce_gif
from lpt.data.images.containers.jpeg_markers import examine_jpeg
from lpt.data.images.containers.png_chunks import reduce_png
from lpt.data.images.containers.tiff_tags import TiffTags, read_tags
from lpt.data.images.formats import (
    HEAD,
    can_decode,
    content_format,
    decoded_formats,
    format_advice,
)
from lpt.data.images.image_error import ImageError

__all__ = ["examine"]

# Files that Pillow opens although their first bytes are not those of `content_format`.
_ODD = {b"BM": "BMP", b"II\0*": "TIFF", b"MM*\0": "TIFF"}
# Per pixel: two canvases of an animation and a copy; planes of up to 16 bits and a copy.
_CODEC_BYTES = {"WEBP": 12, "AVIF": 12, "HEIF": 12}
_COMPRESSION, _BITS, _ROWS, _TILE_WIDTH, _TILE_HEIGHT = 259, 258, 278, 322, 323
_PHOTOMETRIC, _LARGEST = 262, (281, 341)  # largest sample value, unsigned and of any type


def examine(data: bytes, name: str) -> EncodedImage:
    """Recognise an image file by its first bytes.

    Args:
        data: the whole file.
        name: name in messages.
    Raises: ImageError of kind empty, not-image, unsupported or damaged.
    """
    if not data:
        raise ImageError(
            f"{name}: the file is empty (0 bytes). Replace the file, or leave it out.", "empty"
        )
    kind = _format(data)
    if kind == "PNG":
        return reduce_png(data, name)
    if kind == "JPEG":
        return examine_jpeg(data, name)
    if kind == "GIF":
        return reduce_gif(data, name)
    if kind == "TIFF":
        return _tiff(data, name)
    if kind == "WEBP":
        size = _webp_size(data)
        return EncodedImage(kind, data, codec_bytes=_CODEC_BYTES[kind], size=size, label="WebP")
    if kind is not None and not can_decode(kind):
        raise ImageError(
            f"{name}: {kind} images are not supported here. {format_advice('', kind)}",
            "unsupported",
        )
    if kind is not None:
        return EncodedImage(kind, data, codec_bytes=_CODEC_BYTES.get(kind, 0), label=kind)
    raise ImageError(
        f"{name}: not an image of a supported format ({', '.join(decoded_formats())}), or its "
        "first bytes are damaged. Convert it, or leave it out.",
        "not-image",
    )


def _format(data: bytes) -> str | None:
    odd = next((kind for start, kind in _ODD.items() if data.startswith(start)), None)
    return content_format(data[:HEAD]) or odd


def _webp_size(data: bytes) -> tuple[int, int] | None:
    """Width and height of the canvas, which is allocated as soon as the file is opened."""
    form = data[12:16]
    if form == b"VP8 " and len(data) >= 30:
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    if form == b"VP8L" and len(data) >= 25:
        (bits,) = struct.unpack_from("<I", data, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if form == b"VP8X" and len(data) >= 30:
        sides = data[24:27], data[27:30]
        width, height = (1 + int.from_bytes(side, "little") for side in sides)
        return width, height
    return None


def _tiff(data: bytes, name: str) -> EncodedImage:
    tags = read_tags(data)
    if tags is None:
        return EncodedImage("TIFF", data, label="TIFF")
    if not tags.plausible(len(data)):
        raise ImageError(
            f"{name}: the tags of the TIFF claim more bytes than the file has. "
            "Replace the file, or leave it out."
        )
    stated = min(tags.first(tag, 1 << 16) for tag in _LARGEST).bit_length()
    bits = tags.first(_BITS, 16)
    return EncodedImage(
        "TIFF",
        data,
        tags.more,
        codec_bytes=_strip_bytes(tags),
        stated_bits=bits if 8 < bits < 16 else stated,
        white_is_zero=tags.first(_PHOTOMETRIC, 1) == 0,
        label="TIFF",
    )


def _strip_bytes(tags: TiffTags) -> float:
    """Bytes per pixel of the image that its largest strip or tile takes when decompressed."""
    width, height = max(tags.first(256, 1), 1), max(tags.first(257, 1), 1)
    if tags.first(_COMPRESSION, 1) == 1:  # read row by row
        return 0
    bits = tags.values.get(_BITS, (1,))
    pixel = max(sum(bits), bits[0] * tags.first(277, 1)) / 8
    if _TILE_WIDTH in tags.values:
        tile = tags.first(_TILE_WIDTH, 1) * tags.first(_TILE_HEIGHT, 1)
        return pixel * tile / (width * height)
    return pixel * min(tags.first(_ROWS, height), height) / height
