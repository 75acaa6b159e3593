"""Which predictions become labels: a share of each class, larger for rarer classes."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["ChosenLabels", "choose_labels", "class_shares"]

Floats = npt.NDArray[np.float64]
Ids = npt.NDArray[np.int64]


class ChosenLabels(NamedTuple):
    """Images that get a label.

    Attributes:
        images: (m,) their positions, ascending.
        labels: (m,) class indices.
        probability: (m,) of the label.
        thresholds: (C,) smallest probability that was taken in each class; 1 where none was.
    """

    images: Ids
    labels: Ids
    probability: Floats
    thresholds: Floats


def class_shares(counts: npt.ArrayLike, alpha: float) -> Floats:
    """Return the share of its predictions that each class keeps: (C,), in [0, 1].

    With classes sorted from the most to the least frequent, N_1 >= ... >= N_C, class l keeps

        (N_{C+1-l} / N_1) ** alpha:

    the rarest class keeps all, the most frequent one few. It has images of its own, and most wrong
    predictions are of frequent classes.

    Args:
        counts: (C,) labelled training images per class.
        alpha: 0 keeps everything.
    Source: CReST (Wei et al., CVPR 2021), equation 1.

    >>> class_shares([100, 10, 1], 0.5).round(2).tolist()
    [0.1, 0.32, 1.0]
    """
    numbers = np.maximum(np.asarray(counts, dtype=np.float64), 1.0)
    order = np.argsort(-numbers, kind="stable")
    shares = np.empty(len(numbers))
    shares[order] = (numbers[order[::-1]] / numbers[order[0]]) ** alpha
    return shares


def choose_labels(
    probabilities: npt.NDArray[np.floating], counts: npt.ArrayLike, *, alpha: float, least: float
) -> ChosenLabels:
    """Choose the most probable predictions of each class.

    Each class has its own threshold: the probability below which its share (`class_shares`) ends.

    Args:
        probabilities: (n, C).
        counts: (C,) labelled training images per class.
        alpha: see `class_shares`.
        least: smallest probability of a label, in all classes.
    """
    predicted = probabilities.argmax(axis=1)
    best = probabilities.max(axis=1).astype(np.float64)
    shares = class_shares(counts, alpha)
    thresholds, taken = np.ones(len(shares)), []
    for label, share in enumerate(shares):
        own = np.flatnonzero(predicted == label)
        first = own[np.argsort(-best[own], kind="stable")][: int(np.ceil(share * len(own)))]
        first = first[best[first] >= least]
        if len(first):
            thresholds[label] = best[first].min()
            taken.append(first)
    images = np.sort(np.concatenate(taken)) if taken else np.zeros(0, dtype=np.int64)
    return ChosenLabels(images, predicted[images], best[images], thresholds)
