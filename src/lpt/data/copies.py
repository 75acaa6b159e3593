"""Copies of images, which a split must not tear apart."""

import hashlib
import os
import stat
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable

import numpy as np
import numpy.typing as npt

from lpt.data.file_identity import resolved
from lpt.data.image_stores import FileStore, ImageStore
from lpt.data.images.limits import MAX_FILE_BYTES
from lpt.errors import DataError
from lpt.files.regular_files import open_regular

__all__ = ["copy_numbers"]

_SAMPLE = 4096
_BLOCK = 1 << 20

Ids = npt.NDArray[np.int64]


def copy_numbers(store: ImageStore) -> Ids | None:
    """Number the images of a store so that copies have the same number.

    Copies are entries with the same file and row, and image files with the same bytes. Files are
    compared by size, then by their last 4 kB, and only then as a whole, so few are read. The bytes
    of Parquet rows are not compared: `lpt data check` finds those copies.

    Returns: (n,) numbers, or None if there are no copies or the images are not files.
    """
    if not isinstance(store, FileStore) or len(store) == 0:
        return None
    paths = resolved(store.root, store.paths)
    single = np.zeros(len(paths), dtype=np.bool_)
    single[store.file[store.row < 0]] = True
    place: dict[str, int] = {}
    number = np.array([place.setdefault(path, len(place)) for path in paths], dtype=np.int64)
    files = dict.fromkeys(paths[i] for i in np.flatnonzero(single))
    first = np.arange(len(place))
    for group in _alike(files):
        first[[place[path] for path in group]] = place[group[0]]
    pairs = np.stack([first[number][store.file], store.row], axis=1)
    _, numbers = np.unique(pairs, axis=0, return_inverse=True)
    numbers = numbers.ravel().astype(np.int64)
    return None if int(numbers.max()) + 1 == len(numbers) else numbers


def _alike(paths: Iterable[str]) -> list[list[str]]:
    """Group the files with the same bytes; groups of two or more."""
    groups = [list(paths)]
    for key in (_size, _tail, _digest):
        groups = [part for group in groups for part in _divided(group, key)]
    return groups


def _divided(paths: list[str], key: Callable[[str], Hashable | None]) -> list[list[str]]:
    parts: defaultdict[Hashable, list[str]] = defaultdict(list)
    for path in paths:
        if (value := key(path)) is not None:
            parts[value].append(path)
    return [part for part in parts.values() if len(part) > 1]


def _size(path: str) -> int | None:
    try:
        status = os.stat(path)  # noqa: PTH116 - called for every image
    except (OSError, ValueError):
        return None  # a missing file is reported when it is read
    # Files that are empty or too large are broken, not copies.
    is_image = stat.S_ISREG(status.st_mode) and 0 < status.st_size <= MAX_FILE_BYTES
    return status.st_size if is_image else None


def _tail(path: str) -> bytes | None:
    try:
        with open_regular(path) as stream:
            stream.seek(max(os.fstat(stream.fileno()).st_size - _SAMPLE, 0))
            return stream.read(_SAMPLE)
    except (DataError, OSError):
        return None


def _digest(path: str) -> bytes | None:
    digest = hashlib.sha256()
    try:
        with open_regular(path) as stream:
            while block := stream.read(_BLOCK):
                digest.update(block)
    except (DataError, OSError):
        return None
    return digest.digest()
