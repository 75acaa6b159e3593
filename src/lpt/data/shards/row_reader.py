"""Files that hold images as rows: Parquet files and tar shards."""

from pathlib import Path

from lpt.data.parquet import parquet_reader
from lpt.data.parquet.parquet_reader import RowGroupReader
from lpt.data.shards.shard_index import shard_samples
from lpt.data.shards.shard_reader import ShardReader

__all__ = ["RowReader", "holds_rows", "is_shard", "row_count"]


def is_shard(path: Path) -> bool:
    """Whether a file name ends in .tar, in letters of any case."""
    return path.suffix.lower() == ".tar"


def holds_rows(name: str) -> bool:
    """Whether a file of this name holds images as rows.

    >>> holds_rows("birds.parquet"), holds_rows("shards/birds-0001.TAR"), holds_rows("owl.jpg")
    (True, True, False)
    """
    return name.lower().endswith((".parquet", ".tar"))


def row_count(path: Path) -> int:
    """Number of rows of such a file. Raises: DataError if it is missing, damaged or of no kind."""
    return len(shard_samples(path).names) if is_shard(path) else parquet_reader.row_count(path)


class RowReader:
    """Reads rows of both kinds of files. Pickled and forked readers start anew."""

    def __init__(self) -> None:
        self._groups, self._shards = RowGroupReader(), ShardReader()

    def read(self, path: Path, row: int) -> bytes:
        """Bytes of the image in `row`. Raises: DataError naming file and row."""
        return (self._shards if is_shard(path) else self._groups).read(path, row)
