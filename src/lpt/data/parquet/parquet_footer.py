"""Bound a Parquet file's footer before `pyarrow` reads it.

Three bytes of a footer can stand for a struct of hundreds of bytes in memory, and a list states its
length before its values.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from lpt.data.parquet.thrift_fields import Kind, ThriftError, read_struct
from lpt.errors import DataError
from lpt.files.regular_files import open_regular, size_text

__all__ = ["ColumnFacts", "Footer", "RowGroup", "read_footer"]

_STRUCT = 256
"""Bytes of memory that a struct takes on average. Each ends in a zero byte; where more than three
zeros follow one another, they are parts of numbers."""
_RUN = bytes(4)

_SMALLEST = 3  # bytes of a struct in a list

_FREE = 32 * 2**20
_TIMES = 20
"""Most memory of a footer: a fixed number of bytes, and a multiple of the file's size."""

_ENTRIES = 1000  # of any list, beside those that there is room for
_MAGIC = b"PAR1"
_ROW_GROUPS, _COLUMNS, _ROWS, _FACTS, _ENCRYPTED = 4, 1, 3, 3, 8
_TYPE, _NAME, _CODEC, _DICTIONARY, _STATISTICS, _NULLS = 1, 3, 4, 11, 12, 3
_VALUES, _SIZE, _STORED, _PAGES = 5, 6, 7, 9
"""Numbers of fields."""
_LARGEST = 2**28


_PHYSICAL = (
    *("BOOLEAN", "INT32", "INT64", "INT96", "FLOAT", "DOUBLE", "BYTE_ARRAY"),
    "FIXED_LEN_BYTE_ARRAY",
)
_CODECS = ("UNCOMPRESSED", "SNAPPY", "GZIP", "LZO", "BROTLI", "LZ4", "ZSTD", "LZ4_RAW")


@dataclass(frozen=True)
class Footer:
    """What a file states about itself.

    Attributes:
        limits: arguments of `pyarrow.parquet.ParquetFile`.
        groups: its row groups.
    """

    limits: Mapping[str, int]
    groups: Sequence["RowGroup"]

    def check(self, path: Path, schema: Any) -> None:
        """Check that the columns of all row groups are those of the schema.

        `pyarrow` ends the process when it is asked for a column that is damaged, so it is asked for
        none: what the footer states is read here.

        Args:
            path: the file, for messages.
            schema: the schema that `pyarrow` read.
        Raises: DataError naming the file.
        """
        known = map(schema.column, range(len(schema.names)))
        wanted = [(column.physical_type, column.path) for column in known]
        for number, group in enumerate(self.groups):
            found = [(column.physical_type, column.path_in_schema) for column in group.columns]
            if found != wanted or group.rows < 0:
                raise _unreadable(path, f"row group {number:,} does not fit its schema")

    def null_counts(self, column: str) -> Iterator[int | None]:
        """Number of nulls of a column in each row group; None where it is not stated."""
        for group in self.groups:
            yield next(c.nulls for c in group.columns if c.path_in_schema == column)


class ColumnFacts(NamedTuple):
    """What the footer states about a column in a row group.

    Attributes:
        physical_type, compression: names of the type and of the codec.
        path_in_schema: its address.
        num_values: number of its values, nulls included.
        total_uncompressed_size, total_compressed_size: bytes of its pages, headers included.
        data_page_offset, dictionary_page_offset: places of its pages; 0 for no dictionary.
        nulls: number of nulls; None if it is not stated.
    """

    physical_type: str
    compression: str
    path_in_schema: str
    num_values: int
    total_uncompressed_size: int
    total_compressed_size: int
    data_page_offset: int
    dictionary_page_offset: int
    nulls: int | None


class RowGroup(NamedTuple):
    """A row group: its number of rows, and its columns."""

    rows: int
    columns: list[ColumnFacts]


def read_footer(path: Path) -> Footer:
    """Read the footer of a Parquet file.

    Raises: DataError if the file is no Parquet file, or its footer would take more memory than
        32 MB and 20 times the size of the file.
    """
    data, size = _content(path)
    parts = data.replace(_RUN, b"").count(0)
    if parts * _STRUCT > _FREE + _TIMES * size:
        raise DataError(
            f"{path}: its footer has up to {parts:,} parts in {size_text(len(data))}, which is not "
            "a table of images. Leave it out."
        )
    limits = {
        "thrift_string_size_limit": max(1, len(data)),
        "thrift_container_size_limit": min(data.count(0), len(data) // _SMALLEST) + _ENTRIES,
    }
    try:
        groups = _field(_fields(read_struct(data)[0]), _ROW_GROUPS, Kind.LIST, [Kind.STRUCT, []])
        return Footer(limits, [_group(_fields(group)) for group in groups[1]])
    except (ThriftError, AttributeError, IndexError, TypeError, ValueError) as error:
        reason = str(error) if isinstance(error, ThriftError) else "its footer is damaged"
        raise _unreadable(path, reason) from error


def _content(path: Path) -> tuple[bytes, int]:
    """The bytes of the footer, and the size of the file."""
    with open_regular(path) as stream:
        try:
            size = stream.seek(0, 2)
            stream.seek(max(0, size - 8))
            end = stream.read(8)
            length = struct.unpack("<I", end[:4])[0] if len(end) == 8 else size
            if end[4:] != _MAGIC or length > size - 8:
                raise _unreadable(path, "no complete footer")
            if length > _LARGEST:
                raise _unreadable(path, f"a footer of {size_text(length)}")
            stream.seek(size - 8 - length)
            return stream.read(length), size
        except OSError as error:
            raise DataError(
                f"{path}: cannot be read ({error.strerror}). Check the disk."
            ) from error


def _group(fields: "_Fields") -> RowGroup:
    columns = map(_fields, _field(fields, _COLUMNS, Kind.LIST)[1])
    return RowGroup(_field(fields, _ROWS, Kind.I64), list(map(_column, columns)))


def _column(fields: "_Fields") -> ColumnFacts:
    if _ENCRYPTED in fields:
        raise ThriftError("it is encrypted")
    facts = _fields(_field(fields, _FACTS, Kind.STRUCT))
    type_, codec = (_field(facts, number, Kind.I32) for number in (_TYPE, _CODEC))
    if min(type_, codec) < 0:
        raise ThriftError("an unknown type or codec")
    stated = _fields(_field(facts, _STATISTICS, Kind.STRUCT, []))
    return ColumnFacts(
        _PHYSICAL[type_],
        _CODECS[codec],
        b".".join(_field(facts, _NAME, Kind.LIST)[1]).decode("utf-8", "replace"),
        num_values=_field(facts, _VALUES, Kind.I64),
        total_uncompressed_size=_field(facts, _SIZE, Kind.I64),
        total_compressed_size=_field(facts, _STORED, Kind.I64),
        data_page_offset=_field(facts, _PAGES, Kind.I64),
        dictionary_page_offset=_field(facts, _DICTIONARY, Kind.I64, 0),
        nulls=_field(stated, _NULLS, Kind.I64) if _NULLS in stated else None,
    )


_Fields = dict[int, tuple[int, Any]]


def _fields(struct: list[list[Any]]) -> _Fields:
    found = {number: (kind, value) for number, kind, value in struct}
    if len(found) != len(struct):
        raise ThriftError("a field is given twice")
    return found


def _field(fields: _Fields, number: int, kind: int, default: Any = None) -> Any:
    found = fields.get(number)
    if found is None and default is not None:
        return default
    if found is None or found[0] != kind:
        raise ThriftError(f"field {number} is missing")
    return found[1]


def _unreadable(path: Path, reason: str) -> DataError:
    return DataError(f"{path}: not a readable Parquet file ({reason}). Download it again.")
