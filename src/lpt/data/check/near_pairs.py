"""Pairs of similar fingerprints among any number of images.

Comparing all pairs grows with the square of the images. Beyond `EXHAUSTIVE` images, an index of
faiss (extra lpt[near]) compares each fingerprint with those of a few cells of similar ones. Without
faiss, all pairs are compared, however many there are.
"""

import importlib.util
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from lpt.data.check.fingerprint import THRESHOLD, Prints, similar_pairs

__all__ = ["EXHAUSTIVE", "indexed_pairs", "near_pairs"]

EXHAUSTIVE = 100_000
"""Images of which all pairs are compared: about 75 s on two cores."""

_PROBES = 16
"""Cells that are searched for each fingerprint."""
_CELLS_PER_ROOT = 4
_TRAINED_PER_CELL = 64
"""Fingerprints by which a cell is placed."""
_SLACK = 0.02
"""The index stores a byte per number; candidates below the threshold by this much are checked."""
_BLOCK = 4096

Pairs = tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]


def near_pairs(prints: Prints, threshold: float = THRESHOLD, *, most: int = 200_000) -> Pairs:
    """Find pairs of fingerprints whose cosine exceeds `threshold`.

    Args, returns: as for `lpt.data.check.fingerprint.similar_pairs`.
    """
    if len(prints) > EXHAUSTIVE and importlib.util.find_spec("faiss") is not None:
        return indexed_pairs(prints, threshold, most=most)
    return similar_pairs(prints, threshold, most=most)


def indexed_pairs(prints: Prints, threshold: float = THRESHOLD, *, most: int = 200_000) -> Pairs:
    """Find most of the same pairs by an index; those that it finds are right, cosines included.

    Args, returns: as for `near_pairs`. Needs faiss.
    """
    import faiss

    cells = max(1, int(_CELLS_PER_ROOT * len(prints) ** 0.5))
    index: Any = faiss.index_factory(prints.shape[1], f"IVF{cells},SQ8", faiss.METRIC_INNER_PRODUCT)
    stream = np.random.default_rng(0)
    sample = stream.choice(len(prints), min(len(prints), _TRAINED_PER_CELL * cells), replace=False)
    index.cp.min_points_per_centroid = 1  # no warning where there are few
    index.train(_unit(prints[np.sort(sample)]))
    for _, block in _blocks(prints):
        index.add(block)
    index.nprobe = _PROBES
    pairs = [np.zeros((0, 2), dtype=np.int64)]
    cosines = [np.zeros(0, dtype=np.float32)]
    found = 0
    for start, block in _blocks(prints):
        limits, _, other = index.range_search(block, threshold - _SLACK)
        one = np.repeat(np.arange(len(block)), np.diff(limits).astype(np.int64))
        later = other > one + start
        one, other = one[later], other[later].astype(np.int64)
        cosine = np.einsum("nd,nd->n", block[one], _unit(prints[other]))
        above = np.flatnonzero(cosine > threshold)
        above = above[np.lexsort((other[above], one[above]))]
        pairs.append(np.stack([one[above] + start, other[above]], axis=1))
        cosines.append(cosine[above])
        found += len(above)
        if found >= most:
            break
    return np.concatenate(pairs)[:most], np.concatenate(cosines)[:most]


def _blocks(prints: Prints) -> Iterator[tuple[int, npt.NDArray[np.float32]]]:
    for start in range(0, len(prints), _BLOCK):
        yield start, _unit(prints[start : start + _BLOCK])


def _unit(prints: Prints) -> npt.NDArray[np.float32]:
    values = prints.astype(np.float32)
    length = np.linalg.norm(values, axis=1, keepdims=True)
    unit: npt.NDArray[np.float32] = values / np.maximum(length, 1)
    return unit
