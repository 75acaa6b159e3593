"""Images of tar files by number, each read at its place in the file."""

import os
import threading
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from lpt.data.images.limits import MAX_FILE_BYTES
from lpt.data.shards.shard_index import shard_samples
from lpt.errors import DataError
from lpt.files.file_watch import FileWatch
from lpt.files.regular_files import open_regular, size_text
from lpt.files.remote.remote_paths import RemotePath

__all__ = ["ShardReader"]

Ids = npt.NDArray[np.int64]


class ShardReader:
    """Reads the images of any tar files. Places come from the index of a file, bytes from the file.

    Pickled and forked readers start anew.
    """

    def __init__(self) -> None:
        self._start()

    def read(self, path: Path, row: int) -> bytes:
        """Bytes of the image number `row` of a tar file. Raises: DataError naming both."""
        if self._pid != os.getpid():  # a fork may have copied a held lock
            self._start()
        with self._lock:
            offsets, sizes = self._index(path)
            if not 0 <= row < len(offsets):
                raise DataError(
                    f"{path} row {row}: the file has {len(offsets)} images. Check the list."
                )
            offset, size = int(offsets[row]), int(sizes[row])
            if size > MAX_FILE_BYTES:
                raise DataError(
                    f"{path} row {row}: {size_text(size)}, more than the "
                    f"{size_text(MAX_FILE_BYTES)} that an image may have. Leave it out."
                )
            self._watch.look(path)
            return self._bytes(path, row, offset, size)

    def __getstate__(self) -> dict[str, int]:
        return {}

    def __setstate__(self, _: dict[str, int]) -> None:
        self._start()

    def _start(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._watch = FileWatch()
        self._indexes: dict[Path, tuple[Ids, Ids]] = {}
        self._streams: dict[Path, BinaryIO] = {}

    def _index(self, path: Path) -> tuple[Ids, Ids]:
        if path not in self._indexes:
            samples = shard_samples(path, state=self._watch.state(path))
            self._indexes[path] = (
                np.array(samples.offsets, dtype=np.int64),
                np.array(samples.sizes, dtype=np.int64),
            )
        return self._indexes[path]

    def _bytes(self, path: Path, row: int, offset: int, size: int) -> bytes:
        if isinstance(path, RemotePath):  # opening takes a request; the stream holds no handle
            if path not in self._streams:
                self._streams[path] = open_regular(path)
                self._watch.look(path)
            return _part(self._streams[path], path, row, offset, size)
        with open_regular(path) as stream:
            return _part(stream, path, row, offset, size)


def _part(stream: BinaryIO, path: Path, row: int, offset: int, size: int) -> bytes:
    try:
        stream.seek(offset)
        data = stream.read(size)
    except OSError as error:
        raise DataError(
            f"{path} row {row}: cannot be read ({error.strerror}). Check the disk."
        ) from error
    if len(data) != size:
        raise DataError(f"{path}: damaged: it was changed while it was in use. Start again.")
    return data
