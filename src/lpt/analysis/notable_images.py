"""Images worth a look: likely label errors, worst mistakes, most typical, most isolated."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from lpt.analysis.logit_digest import ImageScores

__all__ = [
    "NotableImage",
    "isolation",
    "label_errors",
    "most_isolated",
    "most_typical",
    "worst_mistakes",
]

PRIOR_IMAGES = 5
CHUNK_VALUES = 2**24  # similarities in memory at a time

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class NotableImage:
    """An image of the report, and why it is there.

    Attributes:
        index: position in the split.
        name: path of the image, with its row in a Parquet file.
        class_id: given class.
        suggested: predicted class; for a likely label error, the class it probably belongs to.
        probability: of `suggested`.
        own: probability of the given class.
        score: sort key of its list.
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
    """Find images that fit their given class worse than usual and another class well.

    An image's probability of a class is compared with t_c, the probability that images of class c
    usually have of c. So a rare class whose images all have a low probability is not suspect. With
    p the probabilities and y the given class,

        score = max over c != y of (p_c - t_c) - (p_y - t_y); suspect where p_c >= t_c, p_y < t_y.

    t_c is the mean own probability of the images given class c, shrunk towards the mean of the shot
    group as if by 5 more images, so that the threshold of a class does not rest on one image.

    Args:
        groups: class indices by shot group.
        num_classes: C.
    Returns: positions of suspect images by descending score, the class that each probably belongs
        to, their scores.
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
    """Sort the misclassified images, the most confident first: their positions."""
    wrong = np.flatnonzero(~scores.correct)
    return wrong[np.argsort(scores.own[wrong] - scores.confidence[wrong], kind="stable")]


def most_typical(scores: ImageScores, counts: Indices) -> Indices:
    """Find the image of each class with the highest own probability, rarest class first.

    An image that is predicted as another class is not typical of its own, so a class whose images
    are all predicted wrongly has none.

    Args:
        counts: (C,) training images per class.
    """
    right = np.flatnonzero(scores.correct)
    order = right[np.lexsort((-scores.own[right], scores.labels[right]))]
    classes, first = np.unique(scores.labels[order], return_index=True)
    return order[first][np.argsort(counts[classes], kind="stable")]


def most_isolated(distance: Floats) -> Indices:
    """Sort images by descending `isolation`: their positions."""
    return np.argsort(-distance, kind="stable")


def isolation(features: Floats, bank: Floats) -> Floats:
    """Compute each image's cosine distance to the nearest training image, in [0, 2].

    Args:
        features: (n, D).
        bank: (m, D) features of training images, m at least 1.
    Returns: (n,) 1 - cosine.
    """
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
