"""Calibrate probabilities and measure how well they are calibrated: the one implementation.

Probabilities are softmax(cosine / temperature). Among equal cosines the class with the lowest index
is the predicted one, as in `lpt.evaluation.metrics`.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lpt.data.class_groups import ClassGroups
from lpt.errors import ShapeError

__all__ = [
    "BINS",
    "TEMPERATURES",
    "ReliabilityBin",
    "calibration_error",
    "calibration_errors",
    "confidence_error",
    "fit_temperature",
    "reliability_bins",
]

TEMPERATURES = (0.01, 10.0)
"""Range of calibrated temperatures. The lower end, a scale of 100, keeps a validation set without
errors from claiming certainty; CLIP limits its scale to the same value (Radford et al. 2021)."""

BINS = 15
"""Confidence bins of the expected calibration error."""

PRIOR = 0.5  # standard deviation of the normal prior of log t
HALVINGS = 30

Flags = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.floating[Any]]
Indices = npt.NDArray[np.integer[Any]]


class ReliabilityBin(NamedTuple):
    """Images of similar confidence: mean probability and accuracy in [0, 1], number of images."""

    probability: float
    accuracy: float
    images: int


def fit_temperature(cosine: Floats, labels: Indices, usual: float | None = None) -> float:
    """Calibrate the temperature: find the t whose softmax(cosine / t) makes the labels likeliest.

    The log-likelihood is concave in 1/t, so its slope, mean true cosine minus mean expected cosine,
    has one zero. Bisection of log t within `TEMPERATURES` finds it; without a zero there, the
    result is the nearer end. Predicted classes do not depend on t.

    Args:
        cosine: (n, C) cosines of images that the model was not trained on.
        labels: (n,) given classes.
        usual: centre of a normal prior of log t, of standard deviation 0.5. It keeps a few images,
            all of them predicted correctly, from claiming certainty. None for no prior.
    Raises: ShapeError without images, or if the two do not fit.
    Source: Guo, Pleiss, Sun and Weinberger, ICML 2017, section 4.2.

    Three of four images are correct at a cosine difference of 0.2, so e^(0.2 / t) = 3:

    >>> cosine, labels = np.tile([0.5, 0.3], (4, 1)), np.array([0, 0, 0, 1])
    >>> print(f"{fit_temperature(cosine, labels):.4f} {0.2 / math.log(3):.4f}")
    0.1820 0.1820
    """
    values = _checked(cosine, labels)
    truth = np.take_along_axis(values, labels[:, None], axis=1).sum()
    low, high = (math.log(t) for t in TEMPERATURES)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        expected = (_softmax(values, math.exp(middle)) * values).sum()
        colder = truth - expected  # slope of the log-likelihood in 1/t
        if usual is not None:
            colder += (middle - math.log(usual)) / PRIOR**2 * math.exp(middle)
        low, high = (low, middle) if colder >= 0 else (middle, high)
    return math.exp((low + high) / 2)


def reliability_bins(
    confidence: Floats, correct: Flags, bins: int = BINS
) -> tuple[ReliabilityBin, ...]:
    """Compute the reliability curve: accuracy against confidence, in equal intervals (a, b].

    Args:
        confidence: (n,) probability of the predicted class, in [0, 1].
        correct: (n,) whether the predicted class is the given one.
        bins: number of intervals; those without images are left out of the result.

    >>> reliability_bins(np.array([0.75, 0.75, 0.25]), np.array([True, False, False]), bins=2)[1]
    ReliabilityBin(probability=0.75, accuracy=0.5, images=2)
    """
    values = confidence.astype(np.float64)
    bin_of = _bin_of(values, bins)
    images = np.bincount(bin_of, minlength=bins)
    total = np.bincount(bin_of, weights=values, minlength=bins)
    hits = np.bincount(bin_of, weights=correct, minlength=bins)
    return tuple(
        ReliabilityBin(float(total[b] / images[b]), float(hits[b] / images[b]), int(images[b]))
        for b in np.flatnonzero(images)
    )


def confidence_error(confidence: Floats, correct: Flags, bins: int = BINS) -> float:
    """Compute the expected calibration error (ECE), in [0, 1], of the bins of `reliability_bins`.

    It is the distance of a bin's accuracy from its mean probability, averaged over images.

    Args:
        confidence: (n,) probability of the predicted class, n at least 1.
        correct: (n,) whether the predicted class is the given one.
        bins: number of equal intervals (a, b] of the confidence.
    Source: Guo, Pleiss, Sun and Weinberger, ICML 2017, equation 3 (15 bins in their results).

    >>> confidence_error(np.array([0.75, 0.75, 0.25, 0.25]), np.array([True, False, False, False]))
    0.25
    """
    values = confidence.astype(np.float64)
    gaps = np.bincount(_bin_of(values, bins), weights=correct - values, minlength=bins)
    return float(np.abs(gaps).sum() / len(values))


def calibration_error(
    cosine: Floats, labels: Indices, temperature: float, bins: int = BINS
) -> float:
    """Compute the expected calibration error (ECE) of softmax(cosine / temperature), in [0, 1].

    Args:
        cosine: (n, C), n at least 1.
        labels: (n,) given classes.
        temperature: of the softmax, above 0.
        bins: as for `confidence_error`.
    Raises: ShapeError without images, or if the two do not fit.

    Confidence 0.8 on four images, two of them predicted correctly:

    >>> cosine, labels = np.tile([math.log(4), 0.0], (4, 1)), np.array([0, 0, 1, 1])
    >>> print(f"{calibration_error(cosine, labels, temperature=1.0):.2f}")
    0.30
    """
    values = _checked(cosine, labels)
    confidence = _softmax(values, temperature).max(axis=1)
    return confidence_error(confidence, values.argmax(axis=1) == labels, bins)


def calibration_errors(
    cosine: Floats,
    labels: Indices,
    temperature: float,
    train_counts: npt.NDArray[np.integer[Any]] | Sequence[int],
    groups: ClassGroups | None = None,
) -> dict[str, float | None]:
    """Compute `calibration_error` overall and per shot group; None for a group without images.

    Args:
        cosine: (n, C), n at least 1.
        labels: (n,) given classes.
        temperature: of the softmax, above 0.
        train_counts: (C,) training images per class.
        groups: bounds of the shot groups; None for the field's usual ones.

    >>> cosine, labels = np.tile([math.log(4), 0.0], (4, 1)), np.array([0, 0, 1, 1])
    >>> errors = calibration_errors(cosine, labels, 1.0, [300, 10])
    >>> print({name: error and round(error, 2) for name, error in errors.items()})
    {'overall': 0.3, 'many': 0.2, 'medium': None, 'few': 0.8}
    """
    errors: dict[str, float | None] = {"overall": calibration_error(cosine, labels, temperature)}
    for group, ids in (groups or ClassGroups()).members(np.asarray(train_counts)).items():
        rows = np.isin(labels, ids)
        errors[group] = (
            calibration_error(cosine[rows], labels[rows], temperature) if rows.any() else None
        )
    return errors


def _bin_of(confidence: npt.NDArray[np.float64], bins: int) -> npt.NDArray[np.int64]:
    return np.ceil(confidence * bins).astype(np.int64).clip(1, bins) - 1


def _softmax(values: npt.NDArray[np.float64], temperature: float) -> npt.NDArray[np.float64]:
    powers: npt.NDArray[np.float64] = np.exp(
        (values - values.max(axis=1, keepdims=True)) / temperature
    )
    powers /= powers.sum(axis=1, keepdims=True)
    return powers


def _checked(cosine: Floats, labels: Indices) -> npt.NDArray[np.float64]:
    if cosine.ndim != 2 or not len(labels) or labels.shape != cosine.shape[:1]:
        raise ShapeError(
            f"calibration: cosines {cosine.shape} and labels {labels.shape} do not fit. "
            "Give cosines (n, C) and labels (n,), n at least 1."
        )
    return cosine.astype(np.float64)
