"""How probable it is that a label is wrong, given predictions of a model that has not seen it."""

import numpy as np
import numpy.typing as npt

from lpt.analysis.logit_digest import ImageScores

__all__ = ["wrong_labels"]

SHARPNESS = np.geomspace(0.1, 2, 27)
"""Exponents of the predicted probabilities that are tried: 1 leaves them as they are."""

PRIOR_IMAGES, PRIOR_WRONG = 100, 1
TINY = 1e-30
MOST_STEPS, SETTLED = 200, 1e-6

Doubles = npt.NDArray[np.float64]


def wrong_labels(scores: ImageScores, num_classes: int) -> Doubles:
    """Estimate the probability that each label is wrong: (n,), in [0, 1].

    Labels are taken to be drawn from the predicted probabilities p, except for a share e of wrong
    ones, which may be any of the C classes:

        P(y) = (1 - e) p_y + e / C,  so  P(wrong | y) = e / C / P(y).

    The share e and the sharpness s of the model, p proportional to p^s, are those that make the
    labels likeliest. A weak model is sharpened less, so that it doubts no label: its mistakes are
    explained by what it does not know. Few images do not show e, so it starts from 1 wrong label
    among 100 images.

    Args:
        scores: predictions of a model that was not trained on these labels.
        num_classes: C.
    """
    best, chosen = -np.inf, np.zeros(len(scores))
    for sharpness in SHARPNESS:
        own = _sharpened(scores, num_classes, float(sharpness))
        likelihood, wrong = _mixture(own, num_classes)
        if likelihood > best:
            best, chosen = likelihood, wrong
    return chosen


def _sharpened(scores: ImageScores, num_classes: int, sharpness: float) -> Doubles:
    """Probability of the given class after sharpening; (n,).

    Classes below the best ones are taken to share what is left equally.
    """
    top = np.maximum(scores.probability.astype(np.float64), TINY)
    others = num_classes - top.shape[1]
    total = (top**sharpness).sum(axis=1)
    if others:
        rest = np.maximum(1 - top.sum(axis=1), TINY)
        total += others * (rest / others) ** sharpness
    own: Doubles = np.maximum(scores.own.astype(np.float64), TINY) ** sharpness / total
    return own


def _mixture(own: Doubles, num_classes: int) -> tuple[float, Doubles]:
    """Fit the share of wrong labels by expectation maximisation: log-likelihood, P(wrong | y)."""
    share = PRIOR_WRONG / PRIOR_IMAGES
    for _ in range(MOST_STEPS):
        wrong = share / num_classes / ((1 - share) * own + share / num_classes)
        before, share = share, (wrong.sum() + PRIOR_WRONG) / (len(own) + PRIOR_IMAGES)
        if abs(share - before) < SETTLED:
            break
    likelihood = np.log((1 - share) * own + share / num_classes).sum()
    prior = PRIOR_WRONG * np.log(share) + (PRIOR_IMAGES - PRIOR_WRONG) * np.log(1 - share)
    return float(likelihood + prior), wrong
