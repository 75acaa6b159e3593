"""Bound the parts of an ONNX file before protobuf reads it.

Two bytes of a file can stand for a message of some hundred bytes in memory. Only the data of
constants may be large, and these are bytes in memory as they are in the file.
"""

from collections import Counter
from collections.abc import Iterator

from lpt.files.varints import varint_at

__all__ = ["PartsError", "check_parts"]

_MOST = 20_000  # nodes, constants, and other parts of a kind
_FIELDS = 64  # of a node or a constant
_ATTRIBUTES = 2**20
_OTHERS = 2**22
"""Bytes of all attributes, and of everything that is neither a node nor data of a constant."""

_GRAPH, _NODE, _CONSTANT, _ATTRIBUTE, _DATA = 7, 1, 5, 5, 9  # numbers of fields

_Field = tuple[int, int, int]
"""Number, start and end."""


class PartsError(ValueError):
    """A file that is not one of `lpt`, and why."""


def check_parts(content: bytes) -> None:
    """Check how many parts a graph has.

    Args:
        content: bytes of the file.
    Raises: PartsError if it is damaged or has more parts than any graph that `lpt` writes.
    """
    try:
        _check(content)
    except (IndexError, ValueError) as error:
        reason = "it is cut off" if isinstance(error, IndexError) else str(error)
        raise PartsError(reason) from error


def _check(content: bytes) -> None:
    others = attributes = 0
    counts: Counter[int] = Counter()
    for number, start, end in _fields(content, 0, len(content)):
        if number != _GRAPH:
            others += end - start
            counts[-number] += 1
            _within(counts[-number], _MOST, "metadata")
            continue
        for inner, at, to in _fields(content, start, end):
            counts[inner] += 1
            _within(counts[inner], _MOST, "parts of a kind")
            if inner == _NODE:
                attributes += _node(content, at, to)
                _within(attributes, _ATTRIBUTES, "bytes of attributes")
            elif inner == _CONSTANT:
                others += _constant(content, at, to)
            else:
                others += to - at
            _within(others, _OTHERS, "bytes beside nodes and constants")


def _node(content: bytes, start: int, end: int) -> int:
    """Bytes of the attributes of a node."""
    found = list(_few(content, start, end))
    return sum(to - at for number, at, to in found if number == _ATTRIBUTE)


def _constant(content: bytes, start: int, end: int) -> int:
    """Bytes of a constant other than its data."""
    return sum(to - at for number, at, to in _few(content, start, end) if number != _DATA)


def _few(content: bytes, start: int, end: int) -> Iterator[_Field]:
    for count, field in enumerate(_fields(content, start, end)):
        _within(count, _FIELDS, "fields of a part")
        yield field


def _fields(content: bytes, at: int, end: int) -> Iterator[_Field]:
    """The fields of a message, https://protobuf.dev/programming-guides/encoding/."""
    while at < end:
        key, at = varint_at(content, at)
        kind = key & 7
        if kind == 0:
            start, (_, at) = at, varint_at(content, at)
        elif kind == 2:
            length, start = varint_at(content, at)
            at = start + length
        elif kind in (1, 5):
            start, at = at, at + (8 if kind == 1 else 4)
        else:
            raise ValueError(f"fields of the type {kind}")
        if at > end:
            raise IndexError
        yield key >> 3, start, at


def _within(found: int, most: int, what: str) -> None:
    if found > most:
        raise ValueError(f"more than {most:,} {what}")
