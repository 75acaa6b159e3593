"""Files of cached views: consecutive rows, and a mark that counts those that are complete."""

import os
import shutil
import stat
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter
from torch import Tensor

from lpt.errors import RunError
from lpt.files.atomic_files import open_to_continue, write_json
from lpt.files.json_files import Count, Record, read_json
from lpt.files.regular_files import open_regular
from lpt.progress import Reporter

__all__ = ["JoinedRows", "StoredRows", "ViewFiles", "ViewLayout", "part_of", "remove_others"]


class _Mark(Record):
    fingerprint: dict[str, Any]
    rows: Count


_MARK = TypeAdapter(_Mark)


@dataclass(frozen=True)
class ViewLayout:
    """Shape and type of one named tensor per image.

    Attributes:
        shape: of a row.
        dtype: name of its type.
    """

    shape: tuple[int, ...]
    dtype: str

    @classmethod
    def of(cls, value: Tensor, dtype: str) -> "ViewLayout":
        """Return the layout of a batch of tensors; those of tokens are stored in `dtype`."""
        return cls(tuple(value.shape[1:]), dtype if value.dim() > 2 else "float32")

    @property
    def bytes(self) -> int:
        """Bytes per row."""
        return int(np.prod(self.shape, dtype=np.int64)) * np.dtype(self.dtype).itemsize


@dataclass(frozen=True)
class ViewFiles:
    """The files: one per tensor, with consecutive rows, and a mark that counts complete rows.

    Attributes:
        folder: holds the files.
        layout: of a row of each tensor, by name.
    """

    folder: Path
    layout: Mapping[str, ViewLayout]

    @property
    def mark(self) -> Path:
        """The file that counts complete rows."""
        return self.folder / "cache.json"

    def file(self, name: str) -> Path:
        """The file of a tensor."""
        return self.folder / f"{name}.bin"

    def open(self, fingerprint: Mapping[str, Any], reporter: Reporter) -> int:
        """Return the number of complete rows; files with another fingerprint are deleted first.

        Raises: RunError if they cannot be deleted.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        mark = self._read_mark()
        done = mark.rows if mark is not None else 0
        complete = all(
            _size(self.file(name)) >= done * part.bytes for name, part in self.layout.items()
        )
        if mark is not None and mark.fingerprint == fingerprint and complete:
            return done
        if mark is not None:
            old = mark.fingerprint
            changed = sorted(k for k in fingerprint if old.get(k) != fingerprint[k])
            reporter.message(
                f"cache     computed again: {', '.join(changed) or 'its files'} changed"
            )
        try:
            for name in self.layout:
                self.file(name).unlink(missing_ok=True)
        except OSError as error:
            raise RunError(
                f"{error.filename}: cannot be removed ({error.strerror}). Remove it."
            ) from error
        self.write_mark(fingerprint, 0)
        return 0

    def write_mark(self, fingerprint: Mapping[str, Any], rows: int) -> None:
        """Record what the files hold, and how many complete rows."""
        write_json(self.mark, {"fingerprint": fingerprint, "rows": rows})

    def writable(self, name: str) -> BinaryIO:
        """Open the file of a tensor to continue it; a link in its place is not followed."""
        return open_to_continue(self.file(name))

    def rows(self, count: int) -> dict[str, "StoredRows"]:
        """Open the files for reading. Raises: RunError if one is missing or too short."""
        return {
            name: StoredRows(self.file(name), part, count) for name, part in self.layout.items()
        }

    def _read_mark(self) -> _Mark | None:
        try:
            return read_json(self.mark, _MARK, remedy="")
        except RunError:
            return None


class StoredRows:
    """Rows of a file. They are read and not mapped: a file that is cut off would end the process.

    Args:
        path: the file.
        layout: of a row.
        count: number of rows.
    Raises: RunError if the file is missing or too short.
    """

    def __init__(self, path: Path, layout: ViewLayout, count: int) -> None:
        self.path, self.layout, self.count = path, layout, count
        with open_regular(path, error=RunError) as stream:
            self._handle = os.dup(stream.fileno())
        weakref.finalize(self, os.close, self._handle)
        if os.fstat(self._handle).st_size < self.bytes:
            raise self._cut_off()

    @property
    def bytes(self) -> int:
        """Size in bytes."""
        return self.count * self.layout.bytes

    def read(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        """Return the rows of these numbers. Raises: RunError if the file is cut off."""
        found = np.empty((len(rows), *self.layout.shape), self.layout.dtype)
        size, places = self.layout.bytes, found.reshape(-1).view(np.uint8).data
        for place, row in enumerate(rows.tolist()):
            into = places[place * size : (place + 1) * size]
            if os.preadv(self._handle, [into], row * size) < size:
                raise self._cut_off()
        return found

    def _cut_off(self) -> RunError:
        return RunError(
            f"{self.path}: damaged: shorter than the views that it holds. Resume the run: they "
            "are computed again."
        )


class JoinedRows:
    """Consecutive rows of several files, which as many processes have written.

    Args:
        parts: the files in order.
    """

    def __init__(self, parts: Sequence[StoredRows]) -> None:
        self.parts = parts
        self._first = np.cumsum([0, *(part.count for part in parts)])

    @property
    def bytes(self) -> int:
        """Size in bytes."""
        return sum(part.bytes for part in self.parts)

    def read(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        """Return the rows of these numbers. Raises: RunError if a file is cut off."""
        layout = self.parts[0].layout
        found = np.empty((len(rows), *layout.shape), layout.dtype)
        owner = np.searchsorted(self._first, rows, side="right") - 1
        for number in np.unique(owner):
            places = np.flatnonzero(owner == number)
            found[places] = self.parts[number].read(rows[places] - self._first[number])
        return found


def part_of(folder: Path, rank: int, size: int) -> Path:
    """Return the folder with the rows that one of several processes writes."""
    return folder if size == 1 else folder / f"part-{rank}-of-{size}"


def remove_others(folder: Path, size: int) -> None:
    """Delete rows that another number of processes has written.

    Raises: RunError if they cannot be deleted.
    """
    if not folder.is_dir():
        return
    own = {part_of(folder, rank, size) for rank in range(size)}
    try:
        for path in folder.iterdir():
            if path.is_dir() and not path.is_symlink() and path not in own:
                shutil.rmtree(path)
            elif size > 1 and not path.is_dir():
                path.unlink()
    except OSError as error:
        raise RunError(
            f"{error.filename}: cannot be removed ({error.strerror}). Remove it."
        ) from error


def _size(path: Path) -> int:
    """Bytes of a regular file; -1 for anything else, also for a link to one."""
    try:
        status = path.lstat()
    except OSError:
        return -1
    return status.st_size if stat.S_ISREG(status.st_mode) else -1
