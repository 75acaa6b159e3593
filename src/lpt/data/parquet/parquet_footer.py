"""Bound a Parquet file's footer before `pyarrow` reads it.

Three bytes of a footer can stand for a struct of hundreds of bytes in memory, and a list states its
length before its values.
"""

import struct
from pathlib import Path
from typing import Any

from lpt.errors import DataError
from lpt.files.regular_files import open_regular, size_text

__all__ = ["footer_limits"]

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
_LARGEST = 2**28


def footer_limits(path: Path) -> dict[str, Any]:
    """Return limits for `pyarrow.parquet.ParquetFile`, from the footer of a file.

    Raises: DataError if the file is no Parquet file, or its footer would take more memory than
        32 MB and 20 times the size of the file.
    """
    with open_regular(path) as stream:
        try:
            size = stream.seek(0, 2)
            stream.seek(max(0, size - 8))
            end = stream.read(8)
            length = struct.unpack("<I", end[:4])[0] if len(end) == 8 else size
            if end[4:] != _MAGIC or length > size - 8:
                raise DataError(
                    f"{path}: not a readable Parquet file (no complete footer). Download it again."
                )
            stream.seek(size - 8 - length)
            footer = stream.read(length) if length <= _LARGEST else bytes(1)
        except OSError as error:
            raise DataError(
                f"{path}: cannot be read ({error.strerror}). Check the disk."
            ) from error
    parts = footer.replace(_RUN, b"").count(0)
    if parts * _STRUCT > _FREE + _TIMES * size or length > _LARGEST:
        raise DataError(
            f"{path}: its footer has up to {parts:,} parts in {size_text(length)}, which is not a "
            "table of images. Leave it out."
        )
    return {
        "thrift_string_size_limit": max(1, length),
        "thrift_container_size_limit": min(footer.count(0), length // _SMALLEST) + _ENTRIES,
    }
