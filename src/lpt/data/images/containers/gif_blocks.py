"""Reduce a GIF file to what its first frame needs."""

import re

from lpt.data.images.containers.encoded_image import EncodedImage
from lpt.data.images.image_error import ImageError

__all__ = ["reduce_gif"]

_CONTROL = 0xF9
_BLOCK = re.compile(rb"[!,;]")
_MOST_EXTENSIONS = 10_000
_LARGE = 65_536  # bytes before the first frame


def reduce_gif(data: bytes, name: str) -> EncodedImage:
    """Drop comments and other extensions before the first frame if they are large.

    Of the control blocks, the last one is kept.

    Raises: ImageError for thousands of extensions.
    """
    start = 13 + _table(data, 10)
    place, control, extensions = start, b"", 0
    while (block := _BLOCK.search(data, place)) and block[0] == b"!":
        end = _end_of_blocks(data, block.end() + 1)
        if data[block.end() : block.end() + 1] == bytes([_CONTROL]):
            control = data[block.start() : end]
        place, extensions = end, extensions + 1
        if extensions > _MOST_EXTENSIONS:
            raise ImageError(
                f"{name}: more than {_MOST_EXTENSIONS:,} extensions before its first frame. "
                "Save the image again without metadata."
            )
    frame = block.start() if block else len(data)
    animated = bool(block) and _has_second_frame(data, frame)
    if frame - start > _LARGE:
        data = data[:start] + control + data[frame:]
    return EncodedImage("GIF", data, animated, codec_bytes=1, label="GIF")


def _table(data: bytes, flags: int) -> int:
    """Bytes of the colour table that flags at this place describe."""
    value = data[flags] if flags < len(data) else 0
    return 3 << (value & 7) + 1 if value & 0x80 else 0


def _end_of_blocks(data: bytes, place: int) -> int:
    size, end = 1, len(data)
    while place < end and size:
        size = data[place]
        place += size + 1
    return min(place, end)


def _has_second_frame(data: bytes, place: int) -> bool:
    """Whether another frame follows the one at `place`, after at most a few extensions."""
    if data[place : place + 1] != b",":
        return False
    place = _end_of_blocks(data, place + 11 + _table(data, place + 9))
    for _ in range(_MOST_EXTENSIONS):
        block = _BLOCK.search(data, place)
        if block is None or block[0] != b"!":
            break
        place = _end_of_blocks(data, block.end() + 1)
    return block is not None and block[0] == b","
