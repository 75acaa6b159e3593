"""Small Parquet files that state sizes of gigabytes about themselves."""

import io
from collections.abc import Callable
from functools import cache
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from tools.fuzz.thrift import field, split_footer, varint, with_footer, written

from lpt.data.parquet.thrift_fields import Kind, read_struct

__all__ = ["LIES", "first_page", "lying", "moved", "sound"]

_OFFSETS = (9, 11)  # fields of a column with the places of its pages
_MOST = 2**31 - 1
_COUNT = 2**30
_PAGE = 2  # field of the size of a page without compression


def sound(**options: Any) -> bytes:
    """Return a file of four rows and two columns."""
    table = pa.table({"image": [b"a" * 50, b"b" * 50, b"c" * 50, b"d" * 50], "label": [0, 1, 0, 1]})
    stream = io.BytesIO()
    pq.write_table(table, stream, **{"compression": "zstd", "use_dictionary": False, **options})
    return stream.getvalue()


@cache
def lying(name: str) -> bytes:
    """Return the file of a name in `LIES`."""
    return LIES[name]()


def _page(change: Callable[[list[Any]], None], data: bytes | None = None, **options: Any) -> bytes:
    """Change the header of the first page of images, and perhaps its data."""
    footer, body = split_footer(sound(**options))
    chunk = field(field(footer, 4)[2][1][0], 1)[2][1][0]
    header, stored = first_page(chunk, body)
    change(header)
    if data is not None:
        field(header, 3)[2] = len(data)
    return with_footer(moved(chunk, body, written(header) + (data or stored)), footer)


def first_page(chunk: list[Any], body: bytes) -> tuple[list[Any], bytes]:
    """Return the header of the first page of a column, and what follows it in the column."""
    facts = field(chunk, 3)[2]
    start = min(one[2] for one in facts if one[0] in _OFFSETS)
    column = body[start : start + field(facts, 7)[2]]
    header, end = read_struct(column)
    return header, column[end:]


def moved(chunk: list[Any], body: bytes, column: bytes) -> bytes:
    """Put a column behind all others, and return the new content before the footer."""
    facts = field(chunk, 3)[2]
    places = [one for one in facts if one[0] in _OFFSETS]
    start = min(one[2] for one in places)
    for one in places:
        one[2] += len(body) - start
    field(facts, 7)[2] = len(column)
    return body + column


def _set(*numbers: int, value: Any) -> Callable[[list[Any]], None]:
    def change(tree: list[Any]) -> None:
        field(tree, *numbers)[2] = value

    return change


def _footer(change: Callable[[list[Any]], None]) -> bytes:
    footer, body = split_footer(sound())
    change(footer)
    return with_footer(body, footer)


@cache
def _zeros() -> bytes:
    """2 GB of zeros in 65 kB."""
    size = _MOST - 15
    compressor = pa.CompressedOutputStream(sink := pa.BufferOutputStream(), "zstd")
    for _ in range(size // 2**20):
        compressor.write(bytes(2**20))
    compressor.write(bytes(size % 2**20))
    compressor.close()
    return bytes(sink.getvalue())


def _delta(encoding: str, lengths: bytes) -> bytes:
    """A page of texts whose lengths are as stated, after the levels of an optional column."""
    data = b"\x02\x00\x00\x00\x08\x01" + lengths + bytes(64)
    columns = {"image": encoding, "label": "PLAIN"}
    return _page(_set(_PAGE, value=len(data)), data, compression="none", column_encoding=columns)


def _lengths(block: int, count: int) -> bytes:
    """A stream of equal lengths: block size, parts, count, the first, and blocks of width 0."""
    return varint(block) + varint(1) + varint(count) + bytes(3)


def _many(number: int, struct: list[Any], count: int = 400_000) -> Callable[[list[Any]], None]:
    def change(footer: list[Any]) -> None:
        field(footer, number)[2][1].extend([written(struct)] * count)

    return change


def _claimed_list() -> bytes:
    """The list of columns, the first of the footer, is said to have a million entries."""
    footer, body = split_footer(sound())
    text = written(footer)
    at = text.index(bytes([0x19, 3 << 4 | Kind.STRUCT]))
    text = text[: at + 1] + bytes([240 | Kind.STRUCT]) + varint(999_999) + text[at + 2 :]
    return body + text + len(text).to_bytes(4, "little") + b"PAR1"


def _footer_of(length: int) -> bytes:
    return sound()[:-8] + length.to_bytes(4, "little") + b"PAR1"


LIES: dict[str, Callable[[], bytes]] = {
    "page of 2 GB": lambda: _page(_set(_PAGE, value=_MOST)),
    "page of 2 GB, snappy": lambda: _page(_set(_PAGE, value=_MOST), compression="snappy"),
    "page of 2 GB that is there": lambda: _page(_set(_PAGE, value=_MOST - 15), _zeros()),
    "page of no bytes": lambda: _page(_set(_PAGE, value=-1)),
    "page longer than its column": lambda: _page(_set(3, value=_MOST)),
    "values of a page": lambda: _page(_set(5, 1, value=_MOST)),
    "values of a dictionary": lambda: _page(_set(7, 1, value=_MOST), use_dictionary=True),
    "lengths": lambda: _delta("DELTA_LENGTH_BYTE_ARRAY", _lengths(_COUNT, _COUNT)),
    "lengths of prefixes": lambda: _delta("DELTA_BYTE_ARRAY", _lengths(_COUNT, _COUNT)),
    "lengths of suffixes": lambda: _delta(
        "DELTA_BYTE_ARRAY", _lengths(128, 4) + _lengths(_COUNT, _COUNT)
    ),
    "entries of the schema": lambda: _footer(_many(2, [[4, Kind.BINARY, b""]])),
    "row groups": lambda: _footer(
        _many(4, [[1, Kind.LIST, [12, []]], [2, Kind.I64, 0], [3, Kind.I64, 0]])
    ),
    "remarks": lambda: _footer(_many(5, [[1, Kind.BINARY, b""]])),
    "a list of a million": _claimed_list,
    "a footer of 4 GB": lambda: _footer_of(2**32 - 1),
    "a footer larger than the file": lambda: _footer_of(100_000),
}
"""What a file lies about, and the bytes of one that does."""
