"""Class frequencies that differ between training and use: adjust probabilities, estimate them.

A classifier trained on one class distribution is used on another: a shop window shows what a
warehouse rarely holds. If images of a class look the same in both, only the prior differs, and
Bayes' rule gives the probabilities of the other distribution. Both estimators need no labels of
the new images.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lpt.errors import ParameterError, ShapeError

__all__ = [
    "IMAGES_PER_CLASS",
    "PriorEstimate",
    "adjust_to_prior",
    "effective_prior",
    "estimate_prior",
    "estimate_prior_by_confusion",
    "fit_prior_power",
]

Floats = npt.NDArray[np.floating[Any]]
Indices = npt.NDArray[np.integer[Any]]
Counts = Sequence[int] | npt.NDArray[Any]

STEPS = 1000
CHANGE = 1e-7
"""EM ends when no frequency changes by more than this."""

IMAGES_PER_CLASS = 10
"""An estimate from fewer images per class is reported as unreliable."""

POWERS = np.linspace(0.0, 1.5, 31)


class PriorEstimate(NamedTuple):
    """Estimated class frequencies.

    Attributes:
        prior: (C,) float64, sums to 1.
        images: number of images that it was estimated from.
        few: whether they are too few for C classes: fewer than ten per class.
    """

    prior: Floats
    images: int
    few: bool


def adjust_to_prior(probabilities: Floats, source: Floats, target: Floats) -> Floats:
    """Return the probabilities that hold under another class distribution.

    p_target(c | x) is proportional to p_source(c | x) * target(c) / source(c).

    Args:
        probabilities: (n, C), of a model calibrated on images of the distribution `source`.
        source: (C,) frequencies, all above 0.
        target: (C,) frequencies; a class of frequency 0 gets probability 0.
    Returns: (n, C) float64; each row sums to 1.
    Raises: ShapeError if the sizes differ; ParameterError if frequencies are not valid.
    Source: Saerens, Latinne and Decaestecker, Neural Computation 14 (2002), equation 2.4.

    >>> even, rare = np.array([0.5, 0.5]), np.array([0.9, 0.1])
    >>> adjust_to_prior(np.array([[0.5, 0.5], [0.1, 0.9]]), even, rare).round(2).tolist()
    [[0.9, 0.1], [0.5, 0.5]]
    """
    values = _checked(probabilities)
    before = _frequencies("source", source, values.shape[1])
    after = _frequencies("target", target, values.shape[1])
    if not (before > 0).all():
        raise ParameterError("`source`: every class needs a frequency above 0.")
    weighted = values * (after / before)
    total = weighted.sum(axis=1, keepdims=True)
    # All weight on classes that the target excludes: only the target is left to go by.
    return np.where(total > 0, weighted / np.where(total > 0, total, 1.0), after)


def effective_prior(class_counts: Counts, power: float) -> Floats:
    """Return the class frequencies that a model's probabilities reflect.

    Losses and samplers for long tails remove a part of the training frequencies from the
    probabilities. What is left is modelled as frequency ** power: 1 for plain cross-entropy on
    plain batches, 0 for a model whose probabilities treat all classes alike.

    Args:
        class_counts: (C,) training images per class; a class without images counts as one.
        power: from `fit_prior_power`.

    >>> effective_prior([90, 10], 0.5).round(2).tolist()
    [0.75, 0.25]
    """
    counts = np.maximum(np.asarray(class_counts, dtype=np.float64), 1.0)
    logs = power * np.log(counts)
    weights = np.exp(logs - logs.max())
    return np.asarray(weights / weights.sum())


def fit_prior_power(probabilities: Floats, labels: Indices, class_counts: Counts) -> float:
    """Find how much of the training frequencies a model's probabilities reflect.

    The power in [0, 1.5] (a grid of 0.05) under which the labels are most likely, once the
    probabilities are adjusted from `effective_prior` to the frequencies of these labels.

    Args:
        probabilities: (n, C) of images that the model was not trained on.
        labels: (n,) their classes.
        class_counts: (C,) training images per class.
    Raises: ShapeError without images, or if sizes differ.
    """
    values = _checked(probabilities)
    if len(labels) != len(values):
        raise ShapeError(f"{len(labels)} labels for {len(values)} images")
    # One image is added to every class, so that a class without labels stays possible.
    target = np.bincount(labels, minlength=values.shape[1]) + 1.0
    target /= target.sum()
    rows = np.arange(len(values))

    def likelihood(power: float) -> float:
        adjusted = adjust_to_prior(values, effective_prior(class_counts, power), target)
        return float(np.log(np.maximum(adjusted[rows, labels], 1e-12)).mean())

    return float(max(POWERS.tolist(), key=likelihood))


def estimate_prior(probabilities: Floats, source: Floats) -> PriorEstimate:
    """Estimate the class frequencies of unlabelled images by expectation maximisation.

    Args:
        probabilities: (n, C), calibrated under `source`.
        source: (C,) frequencies, all above 0.
    Raises: ShapeError without images, or if sizes differ.
    Source: Saerens, Latinne and Decaestecker, Neural Computation 14 (2002), equation 2.9. The
        estimate maximises the likelihood, which has one maximum.

    >>> certain = np.eye(2)[[0, 0, 0, 1]]
    >>> estimate_prior(certain, np.array([0.5, 0.5])).prior.round(3).tolist()
    [0.75, 0.25]
    """
    values = _checked(probabilities)
    prior = before = _frequencies("source", source, values.shape[1])
    for _ in range(STEPS):
        updated = adjust_to_prior(values, before, prior).mean(axis=0)
        updated /= updated.sum()
        change = np.abs(updated - prior).max()
        prior = updated
        if change < CHANGE:
            break
    return _estimate(prior, len(values))


def estimate_prior_by_confusion(
    probabilities: Floats, known: Floats, labels: Indices
) -> PriorEstimate:
    """Estimate the class frequencies of unlabelled images from the errors on labelled ones.

    Black-box shift estimation: the mean prediction on new images is the mean prediction per true
    class, measured on labelled images, weighted by the new frequencies. The weights are found by
    least squares among frequencies, so they are never negative. It needs no calibrated
    probabilities, but labelled images of every class: a class without any keeps frequency 0.

    Args:
        probabilities: (n, C) of the unlabelled images.
        known: (m, C) of labelled images that the model was not trained on.
        labels: (m,) their classes.
    Raises: ShapeError without images, or if sizes differ.
    Source: Lipton, Wang and Smola, ICML 2018, equation 2, with soft predictions.

    >>> known, labels = np.array([[0.8, 0.2], [0.4, 0.6]]), np.array([0, 1])
    >>> new = np.array([[0.8, 0.2], [0.4, 0.6], [0.8, 0.2], [0.8, 0.2]])
    >>> estimate_prior_by_confusion(new, known, labels).prior.round(3).tolist()
    [0.75, 0.25]
    """
    from scipy.optimize import nnls

    values, measured = _checked(probabilities), _checked(known)
    classes = values.shape[1]
    if measured.shape[1] != classes or len(labels) != len(measured):
        raise ShapeError(f"{len(labels)} labels and {measured.shape} probabilities do not fit")
    counts = np.bincount(labels, minlength=classes)
    sums = np.zeros((classes, classes))
    np.add.at(sums, labels, measured)
    present = counts > 0
    confusion = (sums[present] / counts[present, None]).T  # (C, classes with labels)
    # One heavy row holds the sum at 1.
    heavy = 100.0
    system = np.vstack([confusion, np.full(confusion.shape[1], heavy)])
    weights, _ = nnls(system, np.append(values.mean(axis=0), heavy))
    prior = np.zeros(classes)
    prior[present] = weights
    return _estimate(prior / max(prior.sum(), 1e-12), len(values))


def _estimate(prior: Floats, images: int) -> PriorEstimate:
    return PriorEstimate(prior, images, images < IMAGES_PER_CLASS * len(prior))


def _checked(probabilities: Floats) -> Floats:
    values = np.asarray(probabilities, dtype=np.float64)
    if values.ndim != 2 or not values.size:
        raise ShapeError(f"probabilities of shape {values.shape}; (n, C) with n > 0 is needed")
    return values


def _frequencies(name: str, given: Floats, classes: int) -> Floats:
    values = np.asarray(given, dtype=np.float64)
    if values.shape != (classes,):
        raise ShapeError(f"{name} of shape {values.shape} for {classes} classes")
    if not (np.isfinite(values).all() and (values >= 0).all() and values.sum() > 0):
        raise ParameterError(f"`{name}`: frequencies are numbers of at least 0, not all 0.")
    return np.asarray(values / values.sum())
