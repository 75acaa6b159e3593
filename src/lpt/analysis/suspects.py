"""Images worth a look: likely label errors, worst mistakes, most typical, most isolated."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from lpt.analysis.logit_digest import ImageScores

__all__ = [
    "Suspect",
    "isolation",
    "label_errors",
    "most_isolated",
    "most_typical",
    "worst_mistakes",
]

PRIOR_IMAGES = 5
CHUNK_VALUES = 2**24

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Suspect:
    """An image and why it is shown.

    Attributes:
        index: position in the split.
        name: its path, and row in a Parquet file.
        class_id: its given class.
        suggested: the class that the model sees; for a label error, the one it should probably be.
        probability: of `suggested`.
        own: probability of its given class.
        score: what the list is sorted by.
    """

    index: int
    name: str
    class_id: int
    suggested: int
    probability: float
    own: float
    score: float


def label_errors(
    scores: ImageScores, groups: Mapping[str, Indices], num_classes: int
) -> tuple[Indices, Indices, Floats]:
    """Images whose given class is less likely, for that class, than another is for the other.

    An image's probability of a class is compared with what images given that class usually get,
    t_c: a rare class whose images are all unsure is not suspect for that. With p the probabilities
    and y the given class,

        score = max over c != y of (p_c - t_c) - (p_y - t_y); suspect where p_c >= t_c, p_y < t_y.

    t_c is the mean own probability of the images given class c, drawn towards the mean of its group
    as if by 5 more images, so that a class with one test image is not judged by itself.

    Returns: positions of suspects by descending score, the class each should probably be, scores.
    Source: confident learning (Northcutt, Jiang and Chuang, JAIR 2021) for the thresholds;
    adjusted margins as in Kuan and Mueller (ICML 2022 workshop DataPerf).
    """
    usual = _usual(scores, groups, num_classes)
    margin = scores.probability - usual[scores.top]
    margin[scores.top == scores.labels[:, None]] = -np.inf
    column = margin.argmax(axis=1)
    rows = np.arange(len(scores))
    other = margin[rows, column]
    own = scores.own - usual[scores.labels]
    ranked: Floats = (other - own).astype(np.float32)
    suspect = np.flatnonzero((other >= 0) & (own < 0))
    order = suspect[np.argsort(-ranked[suspect], kind="stable")]
    return order, scores.top[order, column[order]], ranked[order]


def worst_mistakes(scores: ImageScores) -> Indices:
    """Wrong images, the surest first."""
    wrong = np.flatnonzero(~scores.correct)
    return wrong[np.argsort(scores.own[wrong] - scores.confidence[wrong], kind="stable")]


def most_typical(scores: ImageScores, counts: Indices) -> Indices:
    """The image of highest own probability of each class, classes by ascending training images."""
    order = np.lexsort((-scores.own, scores.labels))
    classes, first = np.unique(scores.labels[order], return_index=True)
    return order[first][np.argsort(counts[classes], kind="stable")]


def most_isolated(distance: Floats) -> Indices:
    """Images by descending distance to what the model has seen."""
    return np.argsort(-distance, kind="stable")


def isolation(features: Floats, bank: Floats) -> Floats:
    """1 - cosine to the nearest training image, (n,): how far an image is from all it knows."""
    known = F.normalize(torch.from_numpy(bank), dim=1)
    distance = np.empty(len(features), dtype=np.float32)
    rows = max(1, CHUNK_VALUES // len(bank))
    for start in range(0, len(features), rows):
        asked = F.normalize(torch.from_numpy(features[start : start + rows]), dim=1)
        distance[start : start + rows] = 1 - (asked @ known.T).amax(dim=1).numpy()
    return distance


def _usual(scores: ImageScores, groups: Mapping[str, Indices], num_classes: int) -> Floats:
    sums = np.bincount(scores.labels, weights=scores.own, minlength=num_classes)
    images = np.bincount(scores.labels, minlength=num_classes)
    prior = np.full(num_classes, float(scores.own.mean()))
    for ids in groups.values():
        if images[ids].sum():
            prior[ids] = sums[ids].sum() / images[ids].sum()
    usual: Floats = ((sums + PRIOR_IMAGES * prior) / (images + PRIOR_IMAGES)).astype(np.float32)
    return usual
