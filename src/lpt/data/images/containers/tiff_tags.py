"""Read the integer tags of a TIFF file or EXIF record, without reading the values of other tags.

A few bytes of a tag may refer to the whole file, so reading all tags of a small file can take any
amount of memory.
"""

import struct
from dataclasses import dataclass

__all__ = ["TiffTags", "read_tags"]

_MOST_VALUES = 16
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_SIZES |= {16: 8, 17: 8, 18: 8}
_INTEGERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}


@dataclass(frozen=True)
class TiffTags:
    """The first directory of tags.

    Attributes:
        values: tag -> its first 16 values, for integer tags.
        value_bytes: bytes of all values, as the directory claims.
        more: whether another directory follows.
    """

    values: dict[int, tuple[int, ...]]
    value_bytes: int
    more: bool

    def first(self, tag: int, default: int) -> int:
        """Return the first value of a tag."""
        return self.values.get(tag, (default,))[0]

    def plausible(self, length: int) -> bool:
        """Whether the values could lie in a record of `length` bytes without sharing them."""
        return self.value_bytes <= 2 * length + 65_536


def read_tags(data: bytes) -> TiffTags | None:
    """Read the first directory of a TIFF file, or of an EXIF record; None if there is none.

    >>> entry = bytes.fromhex("0112 0003 00000001 00060000")
    >>> read_tags(b"MM" + bytes.fromhex("002a 00000008 0001") + entry + bytes(4))
    TiffTags(values={274: (6,)}, value_bytes=2, more=False)
    """
    try:
        return _read(data)
    except (struct.error, OverflowError):  # it ends before that place
        return None


def _read(data: bytes) -> TiffTags | None:
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None:
        return None
    big = 43 in data[2:4]
    count_form, word, width = ("Q", "Q", 8) if big else ("H", "I", 4)
    (place,) = struct.unpack_from(order + word, data, 8 if big else 4)
    (count,) = struct.unpack_from(order + count_form, data, place)
    entry = struct.Struct(f"{order}HH{word}")
    first = place + struct.calcsize(order + count_form)
    values: dict[int, tuple[int, ...]] = {}
    total = 0
    for start in range(first, first + count * (entry.size + width), entry.size + width):
        if start + entry.size + width > len(data):
            break  # the tags before are valid
        tag, kind, number = entry.unpack_from(data, start)
        size = _SIZES.get(kind, 0) * number
        total += size
        if kind in _INTEGERS and number:
            at = start + entry.size
            if size > width:
                (at,) = struct.unpack_from(order + word, data, at)
            form = f"{order}{min(number, _MOST_VALUES)}{_INTEGERS[kind]}"
            if at + struct.calcsize(form) <= len(data):
                values[tag] = struct.unpack_from(form, data, at)
    end = first + count * (entry.size + width)
    more = len(data) >= end + width and any(data[end : end + width])
    return TiffTags(values, total, more)
