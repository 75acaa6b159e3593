"""Paired bootstrap: intervals for the difference between two rows, over images and seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lpt.errors import ShapeError
from lpt.random_streams import Stream, random_stream

__all__ = ["Difference", "paired_differences"]

RESAMPLES = 2_000

Right = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Difference:
    """Accuracy of one row minus that of another, and the middle 95 % of its bootstrap samples."""

    mean: float
    low: float
    high: float

    @property
    def is_clear(self) -> bool:
        """Whether the interval excludes zero."""
        return self.low > 0 or self.high < 0


def paired_differences(
    rows: Sequence[Right],
    reference: Sequence[Right],
    labels: Indices,
    members: Mapping[str, Indices],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Difference]:
    """Return differences overall, in each shot group, and of macro accuracy.

    A resample draws n test images and S seeds with replacement, the same for both rows, so images
    that both classify alike cancel. A resample ignores groups and classes that it has no images
    of; groups without test images are left out of the result.

    Args:
        rows, reference: for each of S seeds, (n,) whether each image is right; same order of seeds.
        labels: (n,) true classes.
        members: class indices of each group, as `ClassGroups.members` returns them.
    Raises: ShapeError if seeds or images of the two differ.
    Source: paired bootstrap (Efron and Tibshirani 1993, chapter 8), percentile intervals.
    """
    if len(rows) != len(reference) or not rows:
        raise ShapeError(f"bootstrap: {len(rows)} and {len(reference)} seeds. Give pairs.")
    if any(len(right) != len(labels) for right in (*rows, *reference)):
        raise ShapeError("bootstrap: rows were scored on different images.")
    gained = np.stack(rows).astype(np.float64) - np.stack(reference)
    classes = 1 + int(labels.max())
    inside = {name: ids[ids < classes] for name, ids in members.items()}
    inside = {name: ids for name, ids in inside.items() if np.isin(labels, ids).any()}

    def measures(weights: npt.NDArray[np.float64], mean: npt.NDArray[np.float64]) -> list[float]:
        """Overall, groups and macro of weighted images."""
        total = np.bincount(labels, weights, classes)
        won = np.bincount(labels, weights * mean, classes)
        present = total > 0
        groups = [_ratio(won[ids].sum(), total[ids].sum()) for ids in inside.values()]
        macro = float((won[present] / total[present]).mean())
        return [_ratio(won.sum(), total.sum()), *groups, macro]

    point = measures(np.ones(len(labels)), gained.mean(axis=0))
    stream = random_stream(seed, Stream.BOOTSTRAP)
    drawn = []
    for _ in range(resamples):
        images = stream.integers(len(labels), size=len(labels))
        weights = np.bincount(images, minlength=len(labels)).astype(np.float64)
        seeds = stream.integers(len(gained), size=len(gained))
        drawn.append(measures(weights, gained[seeds].mean(axis=0)))
    low, high = np.nanpercentile(np.array(drawn), (2.5, 97.5), axis=0)
    names = ("overall", *inside, "macro")
    return {
        name: Difference(mean, float(a), float(b))
        for name, mean, a, b in zip(names, point, low, high, strict=True)
    }


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole else float("nan")
