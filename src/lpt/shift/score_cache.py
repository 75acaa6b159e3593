"""Predictions of scored sets, kept in the run folder until the images or the task change."""

import contextlib
import hashlib
from importlib.metadata import version
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from lpt.data.file_identity import resolved
from lpt.data.image_stores import FileStore, MemoryStore
from lpt.data.manifest import Split
from lpt.errors import LptError, RunError
from lpt.files.atomic_files import write_bytes
from lpt.files.regular_files import read_regular
from lpt.records import Predictions

__all__ = ["ScoreCache"]

MOST_BYTES = 2**28
"""Size of one file; larger predictions are computed again each time."""

FOLDER_BYTES = 2**30
"""Size of the folder; the oldest files are removed first."""


class ScoreCache:
    """Predictions by the identity of their images, of the task and of the transform.

    The identity of image files is their resolved path, size and time of change.

    Args:
        folder: created when it is needed.
        task: SHA-256 of the task file.
        how: `LoadedTask.arithmetic`.
    """

    def __init__(self, folder: Path, task: str, how: str) -> None:
        self.folder = folder
        self._shared = f"{task} {how} lpt {version('lpt')} torch {version('torch')}"

    def path(self, split: Split, transform: str) -> Path | None:
        """Return the file of a split; None if its images have no identity.

        Args:
            transform: whatever distinguishes the transform from the task's own.
        """
        images = _identity(split)
        if images is None:
            return None
        key = hashlib.sha256(f"{self._shared}\n{transform}\n{images}".encode()).hexdigest()
        return self.folder / f"{key[:32]}.safetensors"

    def find(self, path: Path, split: Split, classes: int) -> Predictions | None:
        """Return kept predictions; None if there are none, or they do not fit."""
        try:
            found = load(read_regular(path, MOST_BYTES))
            logits, labels = found["logits"], found["labels"]
        except (LptError, SafetensorError, KeyError, ValueError, OSError):
            return None
        matched = found.get("matched")
        fits = (
            logits.dtype == np.float32
            and logits.shape == (len(split), classes)
            and np.array_equal(labels, split.labels)
            and (matched is None or (matched.ndim == 2 and len(matched) == len(split)))
        )
        return Predictions(logits, labels.astype(np.int64), matched) if fits else None

    def keep(self, path: Path, found: Predictions) -> None:
        """Write predictions; nothing if they are too large or the folder cannot be written."""
        tensors = {"logits": np.ascontiguousarray(found.logits, dtype=np.float32)}
        tensors["labels"] = np.ascontiguousarray(found.labels)
        if found.matched is not None:
            tensors["matched"] = np.ascontiguousarray(found.matched)
        if sum(tensor.nbytes for tensor in tensors.values()) + 4096 > MOST_BYTES:
            return
        with contextlib.suppress(RunError, OSError):
            write_bytes(path, save(tensors))
            self._prune(path)

    def _prune(self, newest: Path) -> None:
        files = sorted(self.folder.glob("*.safetensors"), key=lambda f: f.stat().st_mtime_ns)
        total = sum(file.stat().st_size for file in files)
        for file in files:
            if total <= FOLDER_BYTES:
                return
            if file != newest:
                total -= file.stat().st_size
                file.unlink(missing_ok=True)


def _identity(split: Split) -> str | None:
    """A hash of the images of a split in their order, and of their labels."""
    digest, store = hashlib.sha256(split.labels.tobytes()), split.store
    if isinstance(store, MemoryStore):
        for position in split.positions.tolist():
            data = store.images[position]
            digest.update(f"{len(data)}\n".encode() + data)
        return digest.hexdigest()
    if not isinstance(store, FileStore):
        return None
    paths = resolved(store.root, store.paths)
    facts: dict[int, str] = {}
    for position in split.positions.tolist():
        file = int(store.file[position])
        if file not in facts:
            try:
                status = Path(paths[file]).stat()
            except (OSError, ValueError):
                return None
            facts[file] = f"{paths[file]}\n{status.st_size} {status.st_mtime_ns}"
        line = f"{facts[file]} {store.row[position]}\n"
        digest.update(line.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()
