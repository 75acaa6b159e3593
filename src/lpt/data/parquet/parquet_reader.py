"""Image bytes from Parquet files, one row group at a time.

pyarrow is imported when a file is opened, so that prediction on image files does without it.
"""

import os
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np

from lpt.data.parquet.parquet_footer import read_footer
from lpt.data.parquet.parquet_limits import read_bounded
from lpt.errors import DataError
from lpt.files.file_watch import FileWatch
from lpt.files.regular_files import open_regular, read_regular
from lpt.files.remote.remote_paths import RemotePath

__all__ = [
    "RowGroupReader",
    "binary_columns",
    "image_column",
    "open_parquet",
    "path_field",
    "row_count",
]

_IMAGE_NAMES = ("image", "img", "image_bytes", "bytes", "jpg", "png", "webp")

_MOST_BYTES = 2 * 2**30  # of an image file beside a Parquet file


def open_parquet(path: Path) -> Any:
    """Open a Parquet file.

    Returns: a `pyarrow.parquet.ParquetFile`, with its `Footer` as `footer`.
    Raises: DataError if it is missing, damaged or not a Parquet file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.exists():
        raise DataError(f"{path}: no such Parquet file. Check the path.")
    footer = read_footer(path)
    try:
        # Not mapped: a file that is cut off while it is mapped would end the process.
        content = open_regular(path) if isinstance(path, RemotePath) else path
        file = pq.ParquetFile(content, memory_map=False, **footer.limits)
    except (OSError, UnicodeError, pa.ArrowException) as error:
        raise DataError(
            f"{path}: not a readable Parquet file ({' '.join(str(error).split())[:120]}). "
            "Download it again."
        ) from error
    footer.check(path, file.metadata.schema)
    file.footer = footer
    return file


def row_count(path: Path) -> int:
    """Number of rows of a Parquet file. Raises: DataError as `open_parquet`."""
    return int(open_parquet(path).metadata.num_rows)


def image_column(schema: Any, path: Path) -> str:
    """Find the column of image bytes; returns its name as Parquet addresses it.

    It is a binary column, or a struct with a binary field `bytes` (as Hugging Face writes them).
    Usual names are preferred; otherwise there must be exactly one such column.

    Raises: DataError listing the columns if none or several qualify.
    """
    found = binary_columns(schema)
    usual = {name.strip().casefold(): name for name in reversed(found)}
    names = [usual[name] for name in _IMAGE_NAMES if name in usual]
    if not names and len(found) == 1:
        names = list(found)
    if not names:
        raise DataError(
            f"{path}: found {len(found)} columns of image bytes in {', '.join(schema.names)}. "
            "Rename the column to use to 'image'."
        )
    return found[names[0]]


def binary_columns(schema: Any) -> dict[str, str]:
    """Columns that may hold image bytes: name -> the address of the bytes."""
    import pyarrow as pa

    found: dict[str, str] = {}
    for column in schema:
        if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
            found[column.name] = column.name
        elif pa.types.is_struct(column.type) and column.type.get_field_index("bytes") >= 0:
            found[column.name] = f"{column.name}.bytes"
    return found


def path_field(schema: Any, address: str) -> str | None:
    """The address of the path beside image bytes in a struct, if there is one."""
    name = address.removesuffix(".bytes")
    kind = schema.field(name).type
    there = name != address and kind.get_field_index("path") >= 0
    return f"{name}.path" if there else None


class RowGroupReader:
    """Reads rows by number and caches the row groups used last, up to `max_bytes` in all.

    Data that fits is read from disk once. Larger data read in random order costs one row group per
    image, so write such files with small row groups (a few hundred images).
    """

    def __init__(self, max_bytes: int = 256 * 2**20):
        self.max_bytes = max_bytes
        self._start()

    def read(self, path: Path, row: int) -> bytes:
        """Bytes of the image in `row`. Raises: DataError naming file and row."""
        if self._pid != os.getpid():  # a fork may have copied a held lock and shared offsets
            self._start()
        with self._lock:
            group, offset = self._locate(path, row)
            self._watch.look(path)
            value = self._group(path, group)[offset]
            beside = None if value.is_valid else self._path_beside(path, group, offset)
        if beside is not None:
            return _read_beside(path, row, beside)
        if not value.is_valid:
            raise DataError(f"{path} row {row}: the image is null. Remove the row.")
        return bytes(value.as_py())

    def __getstate__(self) -> dict[str, int]:
        return {"max_bytes": self.max_bytes}

    def __setstate__(self, state: dict[str, int]) -> None:
        self.max_bytes = state["max_bytes"]
        self._start()

    def _start(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._files: dict[Path, tuple[Any, Any, str]] = {}
        self._watch = FileWatch()
        self._sizes: dict[Path, dict[int, int]] = {}
        self._groups: OrderedDict[tuple[Path, int], Any] = OrderedDict()
        self._held = 0

    def _locate(self, path: Path, row: int) -> tuple[int, int]:
        if path not in self._files:
            self._watch.state(path)
            file = open_parquet(path)
            sizes = [group.rows for group in file.footer.groups]
            self._files[path] = (
                file,
                np.cumsum([0, *sizes]),
                image_column(file.schema_arrow, path),
            )
        _, starts, _ = self._files[path]
        if not 0 <= row < starts[-1]:
            raise DataError(f"{path} row {row}: the file has {starts[-1]} rows. Check the list.")
        group = int(np.searchsorted(starts, row, side="right")) - 1
        return group, row - int(starts[group])

    def _path_beside(self, path: Path, group: int, offset: int) -> str | None:
        """The path that a row holds in place of an image."""
        file, _, column = self._files[path]
        address = path_field(file.schema_arrow, column)
        if address is None:
            return None
        table = read_bounded(file, path, [address], group=group, state=self._watch.state(path))
        value = table.column(0).combine_chunks().field(0)[offset].as_py()
        return None if value is None else str(value)

    def _group(self, path: Path, group: int) -> Any:
        import pyarrow as pa

        key = (path, group)
        if key in self._groups:
            self._groups.move_to_end(key)
            return self._groups[key]
        file, _, column = self._files[path]
        state = self._watch.state(path)
        sizes = self._sizes.setdefault(path, {})
        before = sum(size for one, size in sizes.items() if one != group)
        table = read_bounded(file, path, [column], group=group, state=state, decoded=before)
        values = table.column(0).combine_chunks()
        if pa.types.is_struct(values.type):
            values = values.field("bytes")
        sizes[group] = values.nbytes
        self._groups[key] = values
        self._held += values.nbytes
        while self._held > self.max_bytes and len(self._groups) > 1:
            self._held -= self._groups.popitem(last=False)[1].nbytes
        return values


def _read_beside(path: Path, row: int, name: str) -> bytes:
    place = path.parent / name
    if not name or ".." in place.parts or not place.is_file():
        raise DataError(
            f"{path} row {row}: holds the path {name!r} and no image, and there is no such file in "
            f"{path.parent}. Put the image there, or write the file with the image bytes."
        )
    return read_regular(place, _MOST_BYTES)
