"""Read columns of a Parquet file piece by piece, and stop where it would fill the memory.

A column whose values repeat takes a few bytes on disk and gigabytes in memory, and what a file says
about its sizes need not be true. So what is decoded is counted.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lpt.data.parquet.page_headers import byte_range, check_pages
from lpt.errors import DataError
from lpt.files.file_watch import FileState, check_unchanged, file_state
from lpt.files.regular_files import open_regular, size_text
from lpt.files.remote.byte_ranges import RangeStream

__all__ = ["check_total", "read_bounded"]

_FREE = 16 * 2**20
_TIMES = 20
"""Most bytes that are decoded from a file: a fixed number, and a multiple of its size."""

_CELLS = 2**19
"""Most rows times columns that describe images, beside one for each byte of the file: a row takes
a hundred bytes of memory where it takes none in the file."""

_PREFETCHED = 2**28
"""Largest column of a row group that is fetched ahead from object storage, in bytes."""

_BATCH = 1024  # rows that are decoded at once
_IMAGE_BATCH = 1  # 16 copies of a repeated value could fill the memory


def check_total(path: Path, state: FileState, total: int) -> None:
    """Check how many bytes were decoded from a file, of one row group or of all.

    Raises: DataError if they are more than images of a file of this size have.
    """
    most = _most(state)
    if total > most:
        raise DataError(
            f"{path}: decodes to more than {size_text(most)}, although the file has "
            f"{size_text(state[0])}. Leave it out."
        )


def _most(state: FileState) -> int:
    return _FREE + _TIMES * state[0]


def read_bounded(
    file: Any,
    path: Path,
    columns: Sequence[str],
    *,
    group: int | None = None,
    state: FileState | None = None,
    decoded: int = 0,
) -> Any:
    """Read columns as a table.

    Args:
        file: from `open_parquet`.
        path: its path.
        columns: addresses of columns.
        group: a row group, whose values may be large, such as images; None for all.
        state: of the file when it was opened; None for as it is now.
        decoded: bytes that were decoded from other row groups of the file.
    Raises: DataError if the file is damaged, was changed since it was opened, or would decode to
        more than 16 MB and 20 times its size, together with `decoded`.
    """
    import pyarrow as pa

    now = file_state(path) if state is None else check_unchanged(path, state)
    groups = list(range(file.num_row_groups)) if group is None else [group]
    rows = sum(file.footer.groups[g].rows for g in groups)
    if rows * len(columns) > _CELLS + now[0]:
        raise DataError(
            f"{path}: has {rows:,} rows in {size_text(now[0])}, which is not a table of images. "
            "Leave it out."
        )
    check_total(path, now, _stated(file, groups, columns))  # the footer may lie, but need not
    _check_pages(file, path, now, groups, columns)
    pieces, total = [], decoded
    try:
        for piece in file.iter_batches(
            batch_size=_BATCH if group is None else _IMAGE_BATCH,
            row_groups=groups,
            columns=list(columns),
            use_threads=False,
        ):
            total += piece.nbytes
            check_total(path, now, total)
            pieces.append(piece)
    except (MemoryError, OSError, pa.ArrowException) as error:
        place = "" if group is None else f" row group {group}"
        reason = " ".join(str(error).split())[:120]
        raise DataError(
            f"{path}{place}: damaged, cannot be read ({reason}). Download the file again."
        ) from error
    if sum(piece.num_rows for piece in pieces) != rows:
        raise DataError(
            f"{path}: damaged: it has fewer rows than it states. Download the file again."
        )
    if pieces:
        return pa.Table.from_batches(pieces)
    return file.schema_arrow.empty_table().select([c.partition(".")[0] for c in columns])


def _check_pages(
    file: Any, path: Path, state: FileState, groups: Sequence[int], columns: Sequence[str]
) -> None:
    """Check the columns of each row group by the headers of its pages, which `pyarrow` follows."""
    schema = file.metadata.schema
    with open_regular(path) as stream:
        if isinstance(stream, RangeStream):  # its headers lie apart, and all of it is decoded soon
            parts = (c for g in groups for c in file.footer.groups[g].columns)
            ranges = [byte_range(part) for part in parts if part.path_in_schema in columns]
            stream.prefetch([(low, high) for low, high in ranges if high - low <= _PREFETCHED])
        for group in groups:
            for place, chunk in enumerate(file.footer.groups[group].columns):
                if chunk.path_in_schema in columns:
                    column = schema.column(place)
                    levels = (column.max_repetition_level, column.max_definition_level)
                    values, most = _CELLS + state[0], _most(state)
                    found = check_pages(stream, path, chunk, levels, values=values, most=most)
                    check_total(path, state, found)


def _stated(file: Any, groups: Sequence[int], columns: Sequence[str]) -> int:
    """Bytes of the largest column in a row group, without compression, as the file states them."""
    found = [0]
    for group in groups:
        parts = file.footer.groups[group].columns
        found += [part.total_uncompressed_size for part in parts if part.path_in_schema in columns]
    return max(found)
