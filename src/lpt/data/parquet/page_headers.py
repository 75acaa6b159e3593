"""Bound the pages of a Parquet column before `pyarrow` decodes them.

A page's header states its size without compression, up to 2 GB, and how many values it has. A page
is decoded whole, so its header is read first.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from lpt.data.parquet.delta_lengths import check_lengths
from lpt.data.parquet.parquet_footer import ColumnFacts
from lpt.data.parquet.thrift_fields import Kind, ThriftError, read_struct
from lpt.errors import DataError

__all__ = ["byte_range", "check_pages"]

_FIRST = 2**12
_LARGEST = 2**24
"""Bytes of a header that are read at first, and at most, as in `pyarrow`."""

_DATA, _DICTIONARY, _DATA_2 = 0, 2, 3
_HEADERS = {_DATA: 5, _DICTIONARY: 7, _DATA_2: 8}
"""Number of the field that describes a page of each type."""

_DELTA_LENGTH, _DELTA = 6, 7  # encodings


def check_pages(
    stream: BinaryIO,
    path: Path,
    chunk: ColumnFacts,
    levels: tuple[int, int],
    *,
    values: int,
    most: int,
) -> int:
    """Check the pages of a column in a row group.

    Args:
        stream: the file.
        path: its path, for messages.
        chunk: what the footer states about the column.
        levels: largest repetition and definition level of the column.
        values: most values that a page may have.
        most: bytes without compression from which on pages are no longer looked at.
    Returns: bytes of its pages without compression; more than `most` if there are more.
    Raises: DataError if pages are not within the chunk, or have more values.
    """
    total = 0
    try:
        for page in _pages(stream, chunk):
            total += page.size
            if total > most:
                break
            _check(page, chunk, levels, values)
    except (ThriftError, OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(
            f"{path}: damaged, cannot be read (a page header: {reason}). Download the file again."
        ) from error
    return total


def byte_range(chunk: ColumnFacts) -> tuple[int, int]:
    """Return where the pages of a column in a row group begin and end, as the footer states it."""
    at = chunk.data_page_offset
    if 0 < chunk.dictionary_page_offset < at:
        at = chunk.dictionary_page_offset
    return at, at + chunk.total_compressed_size


class _Page:
    """A page: its header's numbers, and where its data are.

    Attributes:
        kind: type of the page.
        size, stored: bytes without and with compression.
        numbers: of the header that describes it, by number of the field.
    """

    def __init__(self, stream: BinaryIO, start: int, fields: list[list[Any]]) -> None:
        found = {(number, kind): value for number, kind, value in fields}
        self.kind, self.size, self.stored = (_number(found.get((n, Kind.I32))) for n in (1, 2, 3))
        inner = found.get((_HEADERS.get(self.kind, 0), Kind.STRUCT), [])
        self.numbers: dict[int, Any] = {number: value for number, _, value in inner}
        self._stream, self._start = stream, start

    def data(self) -> bytes:
        """The bytes as they are stored."""
        self._stream.seek(self._start)
        return self._stream.read(self.stored)


def _pages(stream: BinaryIO, chunk: ColumnFacts) -> Iterator[_Page]:
    (at, end), seen = byte_range(chunk), 0
    if not 0 <= at <= end <= stream.seek(0, 2):
        raise ThriftError("the column is not within the file")
    while at < end and seen < chunk.num_values:
        fields, length = _header(stream, at, end)
        page = _Page(stream, at + length, fields)
        at += length + page.stored
        if at > end:
            raise ThriftError("the page is longer than its column")
        yield page
        if page.kind in (_DATA, _DATA_2):
            seen += _number(page.numbers.get(1))


def _header(stream: BinaryIO, at: int, end: int) -> tuple[list[list[Any]], int]:
    size = _FIRST
    while True:
        stream.seek(at)
        data = stream.read(min(size, end - at))
        try:
            return read_struct(data)
        except ThriftError as error:
            if not error.cut_off or len(data) < size or size >= _LARGEST:
                raise
        size *= 16


def _check(page: _Page, chunk: ColumnFacts, levels: tuple[int, int], most_values: int) -> None:
    """Check the number of values of a page, and those that it states again inside."""
    if page.kind not in _HEADERS:
        return  # an index, or a type that is left out
    count = _number(page.numbers.get(1))
    if count > (page.size if page.kind == _DICTIONARY else most_values):
        raise ThriftError(f"{count:,} values")
    encoding = page.numbers.get(4 if page.kind == _DATA_2 else 2)
    if page.kind != _DICTIONARY and encoding in (_DELTA_LENGTH, _DELTA):
        check_lengths(_values(page, chunk, levels), count, streams=2 if encoding == _DELTA else 1)


def _values(page: _Page, chunk: ColumnFacts, levels: tuple[int, int]) -> bytes:
    """Return what follows the levels of a page, without compression."""
    if page.kind == _DATA_2:
        skipped = _number(page.numbers.get(5)) + _number(page.numbers.get(6))
        stored = page.data()[skipped:]
        if page.numbers.get(7, True):
            return _decompressed(stored, chunk.compression, max(page.size - skipped, 0))
        return stored
    data = _decompressed(page.data(), chunk.compression, page.size)
    for level in levels:
        if level:  # their bytes, after the number of these
            data = data[4 + int.from_bytes(data[:4], "little") :]
    return data


def _decompressed(data: bytes, codec: str, size: int) -> bytes:
    import pyarrow as pa

    if codec == "UNCOMPRESSED":
        return data
    try:
        return bytes(pa.Codec(codec.lower()).decompress(data, size, asbytes=True))
    except (MemoryError, OSError, ValueError, pa.ArrowException) as error:
        raise ThriftError(f"{codec} data: {str(error)[:80]}") from error


def _number(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ThriftError("a size is missing")
    return value
