"""Reliability of the probabilities, and the accuracy gained by rejecting unsure predictions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import AliasChoices, Field

from lpt.analysis.logit_digest import ImageScores
from lpt.evaluation.calibration import ReliabilityBin, confidence_error, reliability_bins
from lpt.evaluation.metrics import ratio

__all__ = ["Abstention", "Coverage", "Reliability", "abstention", "coverage", "reliability"]

POINTS = 50  # of a risk-coverage curve
COVERAGES = (1.0, 0.9, 0.8, 0.7, 0.5)

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Reliability:
    """Reliability curve of a group of images.

    Attributes:
        group: "overall" or a shot group.
        images: number of images.
        error: expected calibration error (ECE), in [0, 1].
        raw_error: ECE without calibration, that is, of softmax(cosine) at temperature 1.
        bins: bins that have images.
    """

    group: str
    images: int
    error: float
    raw_error: float
    bins: tuple[ReliabilityBin, ...]

    @property
    def excess(self) -> float:
        """Mean confidence minus accuracy: above 0 overconfident, below 0 underconfident."""
        total = sum(one.images for one in self.bins)
        return sum(one.images * (one.probability - one.accuracy) for one in self.bins) / total

    @property
    def tendency(self) -> str:
        """The excess in words, in points."""
        points = 100 * self.excess
        if abs(points) < 0.05:
            return "neither over- nor underconfident"
        return f"{'overconfident' if points > 0 else 'underconfident'} by {abs(points):.1f}"


@dataclass(frozen=True)
class Coverage:
    """Risk-coverage curve of a group of images: the least confident are rejected first.

    Attributes:
        group: "overall" or a shot group.
        points: (share of the group's images kept, accuracy of these), by ascending share.
        area: mean error over all coverages (AURC), lower is better.
    """

    group: str
    points: tuple[tuple[float, float], ...]
    area: float


@dataclass(frozen=True)
class Abstention:
    """Effect of one confidence threshold for all images.

    Attributes:
        coverage: share of all images whose confidence reaches the threshold.
        threshold: lowest confidence that is kept.
        share: coverage of each group; None for a group without images.
        accuracy: accuracy of the kept images of each group; None for a group that keeps none.
    """

    coverage: Annotated[float, Field(validation_alias=AliasChoices("coverage", "answered"))]
    threshold: float
    share: dict[str, float | None]
    accuracy: dict[str, float | None]


def reliability(scores: ImageScores, groups: Mapping[str, Flags]) -> tuple[Reliability, ...]:
    """Compute reliability curves, overall and by group; groups without images are left out.

    Args:
        groups: (n,) flags of the images of each group, by name.
    """
    return tuple(
        Reliability(
            group=name,
            images=int(rows.sum()),
            error=confidence_error(scores.confidence[rows], scores.correct[rows]),
            raw_error=confidence_error(scores.raw[rows], scores.correct[rows]),
            bins=reliability_bins(scores.confidence[rows], scores.correct[rows]),
        )
        for name, rows in _with_overall(scores, groups).items()
        if rows.any()
    )


def coverage(scores: ImageScores, groups: Mapping[str, Flags]) -> tuple[Coverage, ...]:
    """Compute risk-coverage curves, overall and by group; groups without images are left out.

    Args:
        groups: (n,) flags of the images of each group, by name.
    Source: Geifman and El-Yaniv, NeurIPS 2017.
    """
    found = []
    for name, rows in _with_overall(scores, groups).items():
        if not rows.any():
            continue
        order = np.argsort(-scores.confidence[rows], kind="stable")
        kept = np.arange(1, len(order) + 1)
        accuracy = np.cumsum(scores.correct[rows][order]) / kept
        drawn = np.unique(np.linspace(0, len(order) - 1, min(POINTS, len(order))).round())
        points = [((int(i) + 1) / len(order), float(accuracy[int(i)])) for i in drawn]
        found.append(Coverage(name, tuple(points), float(1 - accuracy.mean())))
    return tuple(found)


def abstention(scores: ImageScores, groups: Mapping[str, Flags]) -> tuple[Abstention, ...]:
    """Compute coverage and accuracy by group at overall coverages of 100, 90, 80, 70 and 50 %.

    Args:
        groups: (n,) flags of the images of each group, by name.
    """
    ordered = np.sort(scores.confidence)[::-1]
    every = _with_overall(scores, groups)
    found = []
    for wanted in COVERAGES:
        threshold = float(ordered[max(0, round(wanted * len(ordered)) - 1)])
        kept = scores.confidence >= threshold
        images = {name: int(rows.sum()) for name, rows in every.items()}
        left = {name: int((kept & rows).sum()) for name, rows in every.items()}
        correct = {name: int((kept & rows & scores.correct).sum()) for name, rows in every.items()}
        found.append(
            Abstention(
                coverage=float(kept.mean()),
                threshold=threshold,
                share={name: ratio(left[name], images[name]) for name in every},
                accuracy={name: ratio(correct[name], left[name]) for name in every},
            )
        )
    return tuple(found)


def _with_overall(scores: ImageScores, groups: Mapping[str, Flags]) -> dict[str, Flags]:
    return {"overall": np.ones(len(scores), dtype=bool), **groups}
