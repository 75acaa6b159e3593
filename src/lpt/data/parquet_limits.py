"""Read columns of a Parquet file piece by piece, and stop where it would fill the memory.

A column whose values repeat takes a few bytes on disk and gigabytes in memory, and what a file says
about its sizes need not be true. So what is decoded is counted.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lpt.errors import DataError
from lpt.files.regular_files import size_text

__all__ = ["FileState", "file_state", "read_bounded"]

_FREE = 256 * 2**20
_TIMES = 20
"""Most bytes that are decoded from a file: a fixed number, and a multiple of its size."""

_BATCH = 1024  # rows that are decoded at once
_IMAGE_BATCH = 16

FileState = tuple[int, int]
"""Size and time of modification of a file."""


def file_state(path: Path) -> FileState:
    """Return size and time of a file. Raises: DataError if it is gone."""
    try:
        status = path.stat()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}). Restore the file.") from error
    return status.st_size, status.st_mtime_ns


def read_bounded(
    file: Any,
    path: Path,
    columns: Sequence[str],
    *,
    group: int | None = None,
    state: FileState | None = None,
) -> Any:
    """Read columns as a table.

    Args:
        file: a `pyarrow.parquet.ParquetFile`.
        path: its path.
        columns: addresses of columns.
        group: a row group, whose values may be large, such as images; None for all.
        state: of the file when it was opened; None for as it is now.
    Raises: DataError if the file is damaged, was changed since it was opened, or would decode to
        more than 256 MB and 20 times its size.
    """
    import pyarrow as pa

    now = file_state(path)
    if state is not None and state != now:
        raise DataError(f"{path}: damaged: it was changed while it was in use. Start again.")
    most = _FREE + _TIMES * now[0]
    groups = list(range(file.num_row_groups)) if group is None else [group]
    rows = sum(file.metadata.row_group(g).num_rows for g in groups)
    if rows * len(columns) > most // 8:
        raise DataError(
            f"{path}: has {rows:,} rows in {size_text(now[0])}, which is not a table of images. "
            "Leave it out."
        )
    pieces, total = [], 0
    try:
        for piece in file.iter_batches(
            batch_size=_BATCH if group is None else _IMAGE_BATCH,
            row_groups=groups,
            columns=list(columns),
            use_threads=False,
        ):
            total += piece.nbytes
            if total > most:
                raise DataError(
                    f"{path}: decodes to more than {size_text(most)}. Write it with smaller row "
                    "groups, or leave it out."
                )
            pieces.append(piece)
    except (MemoryError, OSError, pa.ArrowException) as error:
        place = "" if group is None else f" row group {group}"
        reason = " ".join(str(error).split())[:120]
        raise DataError(
            f"{path}{place}: damaged, cannot be read ({reason}). Download the file again."
        ) from error
    if pieces:
        return pa.Table.from_batches(pieces)
    return file.schema_arrow.empty_table().select([c.partition(".")[0] for c in columns])
