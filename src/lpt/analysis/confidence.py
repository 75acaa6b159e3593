"""Do probabilities mean what they say, and what is gained by not answering when they are low?"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lpt.analysis.logit_digest import ImageScores, ratio

__all__ = ["Abstention", "Coverage", "Reliability", "abstention", "coverage", "reliability"]

BINS = 15
POINTS = 50
ANSWERED = (1.0, 0.9, 0.8, 0.7, 0.5)

Floats = npt.NDArray[np.floating]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Reliability:
    """Reliability curve of a group of images.

    Attributes:
        error: expected calibration error (ECE) in [0, 1].
        raw_error: the same of softmax over raw cosines (temperature 1).
        bins: (mean probability, accuracy, images) of each bin with images.
    """

    group: str
    images: int
    error: float
    raw_error: float
    bins: tuple[tuple[float, float, int], ...]


@dataclass(frozen=True)
class Coverage:
    """Accuracy of the images that a group answers when the least sure ones are left out.

    Attributes:
        points: (share of the group's images answered, their accuracy), from few to all.
        area: mean error over all coverages, smaller is better (AURC).
    """

    group: str
    points: tuple[tuple[float, float], ...]
    area: float


@dataclass(frozen=True)
class Abstention:
    """One threshold for everybody: who still gets an answer, and how right it is.

    Attributes:
        answered: share of all images answered.
        threshold: least probability that is answered.
        share: of each group's images that are answered; None for a group without images.
        accuracy: of these; None where none is answered.
    """

    answered: float
    threshold: float
    share: dict[str, float | None]
    accuracy: dict[str, float | None]


def reliability(scores: ImageScores, groups: Mapping[str, Flags]) -> tuple[Reliability, ...]:
    """Reliability curves overall and of groups of images; groups without images are left out.

    Bins and error are those of `lpt.evaluation.calibration_error`.

    Args:
        groups: which of the images belong to it, by name.
    """
    found = []
    for name, rows in _with_all(scores, groups).items():
        bins = _bins(scores.confidence[rows], scores.correct[rows])
        raw = _bins(scores.raw[rows], scores.correct[rows])
        found.append(Reliability(name, int(rows.sum()), _error(bins), _error(raw), bins))
    return tuple(found)


def coverage(scores: ImageScores, groups: Mapping[str, Flags]) -> tuple[Coverage, ...]:
    """Accuracy against coverage, overall and by group, each sorted by its own probabilities.

    Source: risk-coverage curve; Geifman and El-Yaniv, NeurIPS 2017.
    """
    found = []
    for name, rows in _with_all(scores, groups).items():
        order = np.argsort(-scores.confidence[rows], kind="stable")
        answered = np.arange(1, len(order) + 1)
        accuracy = np.cumsum(scores.correct[rows][order]) / answered
        shown = np.unique(np.linspace(0, len(order) - 1, min(POINTS, len(order))).round())
        points = [(int(i) + 1, float(accuracy[int(i)])) for i in shown]
        found.append(
            Coverage(
                name,
                tuple((number / len(order), share) for number, share in points),
                float(1 - accuracy.mean()),
            )
        )
    return tuple(found)


def abstention(scores: ImageScores, groups: Mapping[str, Flags]) -> tuple[Abstention, ...]:
    """What each group gets when the model answers 100, 90, 80, 70 and 50 % of all images."""
    ordered = np.sort(scores.confidence)[::-1]
    found = []
    for wanted in ANSWERED:
        threshold = float(ordered[max(0, round(wanted * len(ordered)) - 1)])
        kept = scores.confidence >= threshold
        every = {"overall": np.ones(len(scores), dtype=bool), **groups}
        answered = {name: kept & rows for name, rows in every.items()}
        found.append(
            Abstention(
                float(kept.mean()),
                threshold,
                {n: ratio(int(own.sum()), int(every[n].sum())) for n, own in answered.items()},
                {
                    n: ratio(int(scores.correct[own].sum()), int(own.sum()))
                    for n, own in answered.items()
                },
            )
        )
    return tuple(found)


def _with_all(scores: ImageScores, groups: Mapping[str, Flags]) -> dict[str, Flags]:
    every = {"overall": np.ones(len(scores), dtype=bool), **groups}
    return {name: rows for name, rows in every.items() if rows.any()}


def _bins(confidence: Floats, correct: Flags) -> tuple[tuple[float, float, int], ...]:
    values = confidence.astype(np.float64)
    bin_of = np.ceil(values * BINS).astype(np.int64).clip(1, BINS) - 1
    images = np.bincount(bin_of, minlength=BINS)
    means = np.bincount(bin_of, weights=values, minlength=BINS)
    hits = np.bincount(bin_of, weights=correct, minlength=BINS)
    return tuple(
        (float(means[b] / images[b]), float(hits[b] / images[b]), int(images[b]))
        for b in np.flatnonzero(images)
    )


def _error(bins: tuple[tuple[float, float, int], ...]) -> float:
    total = sum(images for _, _, images in bins)
    return sum(abs(accuracy - mean) * images for mean, accuracy, images in bins) / total
