"""A cache of facts of images, by content."""

from contextlib import suppress
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lpt.data.check.facts import FACTS, Facts
from lpt.data.images.decode import FORMATS
from lpt.errors import LptError, RunError
from lpt.files.atomic_files import write_atomic
from lpt.files.regular_files import open_regular

__all__ = ["FactCache"]

_MAX_BYTES = 2**31
_FILE = "image-facts-2.npy"


class FactCache:
    """Facts of valid images, by the hash of the file.

    Args:
        folder: where the cache is stored; None for a cache that stays empty. A cache file that is
            damaged or of another version is ignored and replaced.
    """

    def __init__(self, folder: Path | None):
        self._path = None if folder is None else folder / _FILE
        self._facts = self._load()

    def __len__(self) -> int:
        return len(self._facts)

    def get(self, digest: npt.NDArray[np.uint64]) -> np.void | None:
        """Look up the facts of the image with this (2,) digest; None if it is new."""
        slot = int(np.searchsorted(self._facts["digest"][:, 0], digest[0]))
        while slot < len(self._facts) and self._facts["digest"][slot, 0] == digest[0]:
            if self._facts["digest"][slot, 1] == digest[1]:
                record: np.void = self._facts[slot]
                return record
            slot += 1
        return None

    def add(self, facts: Facts) -> None:
        """Add records and store the cache, unless its folder cannot be written."""
        if self._path is None:
            return
        merged = np.concatenate([self._facts, facts])
        _, first = np.unique(merged["digest"], axis=0, return_index=True)
        if len(first) == len(self._facts):
            return
        self._facts = merged[first]
        with suppress(RunError):  # a full disk must not stop a check
            write_atomic(self._path, self._save)

    def _save(self, path: Path) -> None:
        with path.open("wb") as stream:
            np.save(stream, self._facts, allow_pickle=False)

    def _load(self) -> Facts:
        empty: Facts = np.zeros(0, dtype=FACTS)
        if self._path is None or not self._path.exists():
            return empty
        try:
            with open_regular(self._path, max_bytes=_MAX_BYTES) as stream:
                facts = np.load(stream, allow_pickle=False)
        except (OSError, ValueError, EOFError, MemoryError, LptError):
            return empty
        if not isinstance(facts, np.ndarray) or facts.dtype != FACTS or facts.ndim != 1:
            return empty
        return facts if _is_sorted(facts["digest"]) and _is_valid(facts) else empty


def _is_sorted(digests: npt.NDArray[np.uint64]) -> bool:
    first, second = digests[:, 0], digests[:, 1]
    steps = (first[:-1] < first[1:]) | ((first[:-1] == first[1:]) & (second[:-1] < second[1:]))
    return bool(steps.all())


def _is_valid(facts: Facts) -> bool:
    sizes = (facts["width"] > 0) & (facts["height"] > 0)
    flags = facts["animated"].view(np.uint8) <= 1
    return bool((sizes & flags & (facts["format"] < len(FORMATS))).all())
