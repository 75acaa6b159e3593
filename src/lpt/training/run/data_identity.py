"""Fingerprints of the data of a run, which keep it from resuming on other data."""

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from lpt.data.image_stores import FileStore
from lpt.data.manifest import Manifest, Split
from lpt.errors import DataError
from lpt.files.regular_files import open_regular

__all__ = [
    "IMAGE_SIZES",
    "IMAGE_TIMES",
    "data_identity",
    "files_identity",
    "labels_digest",
    "run_identity",
]

IMAGE_SIZES, IMAGE_TIMES = "image sizes", "image times"
"""Fingerprints of image files that tell, without reading them, that some were replaced."""


def run_identity(data: Manifest, *, content: bool = False) -> dict[str, Any]:
    """Return everything about the data that a run records, also what its corrections changed."""
    facts = {**data_identity(data, content=content), **files_identity(data)}
    return facts if data.corrections is None else {**facts, "corrections": str(data.corrections)}


def data_identity(data: Manifest, *, content: bool = False) -> dict[str, Any]:
    """Return the class names and a hash over folder, file, row and label of all training images.

    The location of the data does not enter.

    Args:
        content: also read every image file of all splits, and return a hash over their bytes.
    """
    split = data.split("train")
    digest = hashlib.sha256()
    for (name, row), label in zip(_names(split), split.labels.tolist(), strict=True):
        digest.update(f"{name}\n{row} {label}\n".encode("utf-8", "surrogateescape"))
    found = {"classes": list(data.class_names), "training images": digest.hexdigest()}
    return {**found, "image content": _content(data)} if content else found


def _names(split: Split) -> Iterator[tuple[str, int | None]]:
    """Folder and name of the file of each image, and its row."""
    store = split.store
    if not isinstance(store, FileStore):
        refs = map(split.ref, range(len(split)))
        yield from ((f"{ref.path.parent.name}/{ref.path.name}", ref.row) for ref in refs)
        return
    known: dict[int, str] = {}  # a path is made once per file, not for each of a million rows
    files, rows = store.file[split.positions].tolist(), store.row[split.positions].tolist()
    for file, row in zip(files, rows, strict=True):
        if file not in known:
            path = store.root / store.paths[file]
            known[file] = f"{path.parent.name}/{path.name}"
        yield known[file], None if row < 0 else row


def labels_digest(data: Manifest) -> str:
    """Hash class names and the labels of training images, without looking at any file."""
    found = hashlib.sha256("\0".join(data.class_names).encode("utf-8", "surrogateescape"))
    found.update(data.split("train").labels.tobytes())
    return found.hexdigest()


def _content(data: Manifest) -> str:
    """Hash the bytes of all image files; one that is gone or not a file counts as empty."""
    whole = hashlib.sha256()
    for path in _files(data):
        own = hashlib.sha256()
        with suppress(DataError, OSError), open_regular(path) as stream:
            while block := stream.read(2**20):
                own.update(block)
        whole.update(own.digest())
    return whole.hexdigest()


def _files(data: Manifest) -> list[Path]:
    """Every file that holds images, once, in the order of the splits."""
    paths: dict[Path, None] = {}
    for name in sorted(data.splits):
        split = data.split(name)
        store = split.store
        if isinstance(store, FileStore):  # the files once, not for each of a million rows
            files = dict.fromkeys(store.file[split.positions].tolist())
            paths.update(dict.fromkeys(store.root / store.paths[file] for file in files))
        else:
            paths.update(dict.fromkeys(split.ref(index).path for index in range(len(split))))
    return list(paths)


def files_identity(data: Manifest) -> dict[str, str]:
    """Return a hash over the sizes of all image files, and one over their times of modification.

    Images are not read: only `data.check_content` finds a file that is replaced by another of the
    same size and time. A copy of the data has the same sizes, but may have other times.
    """
    sizes, times = hashlib.sha256(), hashlib.sha256()
    for path in _files(data):
        try:
            status = path.stat()
        except OSError:  # in memory, or removed since: -1 is no size
            sizes.update(b"-1\n")
            continue
        sizes.update(b"%d\n" % status.st_size)
        times.update(b"%d\n" % status.st_mtime_ns)
    return {IMAGE_SIZES: sizes.hexdigest(), IMAGE_TIMES: times.hexdigest()}
