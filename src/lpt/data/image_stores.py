"""Sources of encoded images: files, rows of Parquet files and tar shards, or memory.

A store is addressed by position and holds no open handle, so it can be pickled to a spawned worker
and used after a fork. File names are stored in one buffer of UTF-8 bytes: half a million take tens
of megabytes instead of hundreds.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from lpt.data.file_identity import resolved
from lpt.data.images.limits import MAX_FILE_BYTES
from lpt.data.shards.row_reader import RowReader
from lpt.files.regular_files import read_regular

__all__ = ["FileStore", "ImageRef", "ImageStore", "MemoryStore", "Strings"]

Ids = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ImageRef:
    """Location of one image: a file, or a row of a Parquet file or tar shard."""

    path: Path
    row: int | None = None

    def __str__(self) -> str:
        return str(self.path) if self.row is None else f"{self.path} row {self.row}"


class ImageStore(Protocol):
    """Encoded images by position."""

    def __len__(self) -> int:
        """Number of images."""
        ...

    def ref(self, position: int) -> ImageRef:
        """Location of an image, for messages and lists."""
        ...

    def read(self, position: int) -> bytes:
        """Read an encoded image. Raises: DataError naming the file that cannot be read."""
        ...


class Strings(Sequence[str]):
    """An immutable sequence of strings, stored as one UTF-8 buffer and an array of offsets."""

    def __init__(self, values: Iterable[str]):
        encoded = [value.encode("utf-8", "surrogateescape") for value in values]
        self._buffer = b"".join(encoded)
        self._ends = np.cumsum([0, *map(len, encoded)], dtype=np.int64)

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, index: int) -> str:  # type: ignore[override]
        start, end = self._ends[index], self._ends[index + 1]
        return self._buffer[start:end].decode("utf-8", "surrogateescape")


@dataclass(frozen=True)
class FileStore:
    """Image files, and rows of Parquet files and tar shards, below one folder.

    Attributes:
        root: folder that relative paths start from.
        paths: the distinct files.
        file: (n,) index into `paths` for each image.
        row: (n,) row of a Parquet file, or number of the image in a tar shard; -1 for an image
            file.
    """

    root: Path
    paths: Strings
    file: npt.NDArray[np.int32]
    row: Ids
    _reader: RowReader = field(default_factory=RowReader, compare=False, repr=False)

    @classmethod
    def of_files(cls, root: Path, paths: Sequence[str]) -> "FileStore":
        """Make a store of image files by their paths below `root`."""
        n = len(paths)
        return cls(
            root, Strings(paths), np.arange(n, dtype=np.int32), np.full(n, -1, dtype=np.int64)
        )

    @classmethod
    def of_rows(cls, root: Path, files: Sequence[Path], sizes: Sequence[int]) -> "FileStore":
        """Make a store of all rows of files below `root`, each with so many rows."""
        return cls(
            root,
            Strings(str(path.relative_to(root)) for path in files),
            np.repeat(np.arange(len(files), dtype=np.int32), sizes),
            np.concatenate([np.arange(size, dtype=np.int64) for size in sizes]),
        )

    def __len__(self) -> int:
        return len(self.file)

    def ref(self, position: int) -> ImageRef:
        """Path of an image, and its row in a file of rows."""
        row = int(self.row[position])
        return ImageRef(self.root / self.paths[int(self.file[position])], None if row < 0 else row)

    def read(self, position: int) -> bytes:
        """Read an image file, or a row of a file. A row group of Parquet is cached for the next.

        Raises: DataError naming a file that is missing, not a regular file, or too large.
        """
        ref = self.ref(position)
        if ref.row is not None:
            return self._reader.read(ref.path, ref.row)
        return read_regular(ref.path, MAX_FILE_BYTES)

    def take(self, positions: npt.ArrayLike) -> "FileStore":
        """Make a store of the images at `positions`, in that order."""
        kept = np.asarray(positions)
        return FileStore(self.root, self.paths, self.file[kept], self.row[kept])

    def find(self, other: "FileStore") -> Ids:
        """Find the images of `other` in this store: (len(other),) positions, -1 if absent.

        Files are the same if their resolved paths are, however they are written.
        """
        mine_at, other_at = (resolved(store.root, store.paths) for store in (self, other))
        known = {path: index for index, path in reversed(list(enumerate(mine_at)))}
        here = np.array([known.get(path, -1) for path in other_at], dtype=np.int64)
        span = max(self.row.max(initial=0), other.row.max(initial=0)) + 2
        mine = self.file.astype(np.int64) * span + self.row
        wanted = np.where(here[other.file] < 0, -2, here[other.file] * span + other.row)
        order = np.argsort(mine, kind="stable")
        slot = np.minimum(np.searchsorted(mine[order], wanted), max(len(mine) - 1, 0))
        if len(mine) == 0:
            return np.full(len(other), -1, dtype=np.int64)
        return np.where(mine[order][slot] == wanted, order[slot], -1)


@dataclass(frozen=True)
class MemoryStore:
    """Encoded images in memory, under one name."""

    name: str
    images: tuple[bytes, ...]

    def __len__(self) -> int:
        return len(self.images)

    def ref(self, position: int) -> ImageRef:
        """Name of the store, and position in it."""
        return ImageRef(Path(self.name), position)

    def read(self, position: int) -> bytes:
        """Return an encoded image."""
        return self.images[position]
