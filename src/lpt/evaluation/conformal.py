"""Conformal prediction sets: several classes per image, one of them right as often as asked.

The sets of many images hold the true class with the wanted probability, whatever the model, as
long as the calibration images and the new images come from one distribution. With one threshold
for all classes, rare classes may still be missed more often; thresholds per group of classes
(Mondrian) promise the coverage within each group.
"""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from lpt.arguments import fraction
from lpt.errors import ParameterError, ShapeError

__all__ = ["ConformalThresholds", "conformal_threshold", "conformal_thresholds"]

Floats = npt.NDArray[np.floating[Any]]
Indices = npt.NDArray[np.integer[Any]]
Flags = npt.NDArray[np.bool_]


class ConformalThresholds:
    """Lowest probability with which a class enters the set of an image.

    Attributes:
        lowest: (C,) a class belongs to the set of an image if its probability is at least this.
        coverage: wanted share of images whose set holds the true class.

    >>> thresholds = ConformalThresholds(np.array([0.3, 0.1]), coverage=0.9)
    >>> thresholds.sets(np.array([[0.8, 0.2], [0.25, 0.75]])).tolist()
    [[True, True], [False, True]]
    """

    def __init__(self, lowest: Floats, coverage: float) -> None:
        self.lowest = np.asarray(lowest, dtype=np.float64)
        self.coverage = coverage

    def sets(self, probabilities: Floats) -> Flags:
        """Return (n, C) membership. The most probable class is always a member."""
        values = np.asarray(probabilities, dtype=np.float64)
        if values.ndim != 2 or values.shape[1] != len(self.lowest):
            raise ShapeError(f"probabilities {values.shape} for {len(self.lowest)} classes")
        members = values >= self.lowest
        members[np.arange(len(values)), values.argmax(axis=1)] = True
        return np.asarray(members)


def conformal_threshold(scores: Floats, coverage: float) -> float:
    """Return the k-th smallest of n scores, k = floor((n + 1) * (1 - coverage)); 0 if k is 0.

    Args:
        scores: (n,) probabilities of the true class of labelled images, in any order.
        coverage: wanted probability that the score of a new image is at least the result.

    >>> conformal_threshold(np.linspace(0.1, 0.9, 9), coverage=0.8)
    0.2
    """
    rank = math.floor((len(scores) + 1) * (1 - coverage) + 1e-9)
    return float(np.sort(scores)[rank - 1]) if rank > 0 else 0.0


def conformal_thresholds(
    probabilities: Floats, labels: Indices, coverage: float, groups: Indices | None = None
) -> ConformalThresholds:
    """Choose thresholds whose sets hold the true class of a new image with a wanted probability.

    The threshold is `conformal_threshold` of the probabilities of the true class. Where it is 0 the
    images are too few to promise this coverage, and every class enters the set.

    Args:
        probabilities: (n, C) of labelled images that the model was not trained on.
        labels: (n,) their classes.
        coverage: wanted probability, in [0, 1).
        groups: (C,) group of each class; every group gets its own threshold, and so do its
            images their own promise. None for one threshold for all.
    Raises: ShapeError if sizes differ; ParameterError for a coverage outside the range.
    Source: Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World (2005), chapters 2.2
        and 4.5; the score of Sadinle, Lei and Wasserman, JASA 114 (2019).

    >>> right = np.linspace(0.1, 0.9, 9)
    >>> both = np.stack([right, 1 - right], axis=1)
    >>> conformal_thresholds(both, np.zeros(9, dtype=int), coverage=0.8).lowest.round(2).tolist()
    [0.2, 0.2]
    """
    fraction("coverage", coverage)
    values = np.asarray(probabilities, dtype=np.float64)
    if values.ndim != 2 or len(labels) != len(values):
        raise ShapeError(f"{len(labels)} labels for probabilities of shape {values.shape}")
    classes = values.shape[1]
    group_of = np.zeros(classes, dtype=np.int64) if groups is None else np.asarray(groups)
    if group_of.shape != (classes,):
        raise ParameterError(f"`groups`: {group_of.shape} given for {classes} classes.")
    true = values[np.arange(len(values)), labels]
    lowest = np.zeros(classes)
    for group in np.unique(group_of):
        scores = true[group_of[labels] == group]
        lowest[group_of == group] = conformal_threshold(scores, coverage)
    return ConformalThresholds(lowest, coverage)
