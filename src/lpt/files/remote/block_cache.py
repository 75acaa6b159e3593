"""Blocks of remote files in the cache folder, up to a number of bytes.

Reading images in random order fetches a row group for each of them. Blocks on disk are fetched once
for all epochs and processes. A block is found by address, version and number, so one of another
version is never taken.
"""

import hashlib
import os
import secrets
from contextlib import suppress
from pathlib import Path

from lpt.errors import LptError, ParameterError
from lpt.files.atomic_files import cache_folder, write_bytes
from lpt.files.remote.object_storage import State

__all__ = ["BLOCK", "SIZE_NAME", "keep_block", "kept_block"]

BLOCK = 2**20
"""Bytes of a block; the last of a file has fewer."""

SIZE_NAME = "LPT_REMOTE_CACHE_GB"
"""Environment variable: gigabytes of the cache; 0 for none."""

_DEFAULT_GB = 10.0
_LOOK_EVERY = 64  # blocks between two looks at the size of the cache
_KEPT_SHARE = 0.8  # of the cache, where it was full


def kept_block(url: str, state: State, number: int, size: int) -> bytes | None:
    """Return a block of an object, if the cache has it.

    Args:
        url: the address.
        state: size and version of the object.
        number: of the block.
        size: its bytes; a file of another size is not taken.
    """
    path = _path(url, state, number)
    if most_bytes() == 0:
        return None
    try:
        with path.open("rb") as stream:
            data = stream.read(size + 1)
        os.utime(path)  # the order in which blocks are removed
    except OSError:
        return None
    return data if len(data) == size else None


def keep_block(url: str, state: State, number: int, data: bytes) -> None:
    """Keep a block, if the disk takes it; blocks used longest ago make room."""
    if most_bytes() == 0:
        return
    with suppress(LptError, OSError):
        write_bytes(_path(url, state, number), data)
        if secrets.randbelow(_LOOK_EVERY) == 0:
            make_room(most_bytes())


def most_bytes() -> int:
    """Bytes that the cache may hold. Raises: ParameterError for a text that is no size."""
    text = os.environ.get(SIZE_NAME, str(_DEFAULT_GB))
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 <= found <= 1e6:
        raise ParameterError(f"{SIZE_NAME}={text}: give gigabytes from 0 to 1,000,000.")
    return int(found * 1e9)


def make_room(most: int) -> None:
    """Remove the blocks used longest ago, if there are more bytes than `most`."""
    found: list[tuple[int, int, Path]] = []
    for path in _folder().glob("*/*"):
        with suppress(OSError):
            status = path.stat()
            found.append((status.st_mtime_ns, status.st_size, path))
    total = sum(size for _, size, _ in found)
    if total <= most:
        return
    for _, size, path in sorted(found):
        with suppress(OSError):
            path.unlink()
            total -= size
        if total <= _KEPT_SHARE * most:
            return


def _folder() -> Path:
    return cache_folder() / "remote"


def _path(url: str, state: State, number: int) -> Path:
    name = hashlib.sha256(f"{url}\n{state[0]} {state[1]}\n{BLOCK}".encode()).hexdigest()[:40]
    return _folder() / name / f"{number:08d}"
