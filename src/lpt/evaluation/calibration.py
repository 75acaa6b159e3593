"""Turning cosines into probabilities that mean what they say."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from lpt.data.class_groups import ClassGroups
from lpt.errors import ShapeError

__all__ = ["TEMPERATURES", "calibration_error", "calibration_errors", "fit_temperature"]

TEMPERATURES = (0.01, 10.0)
"""Range of fitted temperatures. The lower end, a scale of 100, keeps a validation set without
errors from claiming certainty; it is also where CLIP stops its scale (Radford et al. 2021)."""

PRIOR = 0.5
HALVINGS = 30
BINS = 15

Floats = npt.NDArray[np.floating[Any]]
Indices = npt.NDArray[np.integer[Any]]


def fit_temperature(cosine: Floats, labels: Indices, usual: float | None = None) -> float:
    """The temperature t at which softmax(cosine / t) makes the labels most likely.

    The likelihood is concave in 1/t, so its slope, mean true cosine less mean expected cosine, has
    one zero, found by bisection of log t within `TEMPERATURES`; without a zero there, the nearer
    end. The result does not change which class is best.

    Args:
        cosine: (n, C) of images that the model was not trained on.
        labels: (n,).
        usual: where t stays unless the images say otherwise: a normal prior of log t around it,
            of standard deviation `PRIOR`; a few images, all of them right, would else claim
            certainty. None for no prior.
    Raises: ShapeError without images, or if the two do not fit.
    Source: Guo, Pleiss, Sun and Weinberger, ICML 2017, section 4.2.
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


def calibration_error(
    cosine: Floats, labels: Indices, temperature: float, bins: int = BINS
) -> float:
    """Expected calibration error (ECE) of softmax(cosine / temperature), in [0, 1].

    Images are sorted into `bins` equal intervals (a, b] of the best class's probability; the error
    is the mean distance of a bin's accuracy from its mean probability, weighted by its images.

    Source: Guo, Pleiss, Sun and Weinberger, ICML 2017, equation 3 (15 bins in their results).
    """
    values = _checked(cosine, labels)
    confidence = _softmax(values, temperature).max(axis=1)
    correct = values.argmax(axis=1) == labels
    bin_of = np.ceil(confidence * bins).astype(np.int64).clip(1, bins) - 1
    gaps = np.bincount(bin_of, weights=correct - confidence, minlength=bins)
    return float(np.abs(gaps).sum() / len(labels))


def calibration_errors(
    cosine: Floats,
    labels: Indices,
    temperature: float,
    train_counts: npt.NDArray[np.integer[Any]] | Sequence[int],
    groups: ClassGroups | None = None,
) -> dict[str, float | None]:
    """`calibration_error` overall and over the images of many, medium and few-shot classes.

    None stands for a group without images.
    """
    errors: dict[str, float | None] = {"overall": calibration_error(cosine, labels, temperature)}
    for group, ids in (groups or ClassGroups()).members(np.asarray(train_counts)).items():
        rows = np.isin(labels, ids)
        errors[group] = (
            calibration_error(cosine[rows], labels[rows], temperature) if rows.any() else None
        )
    return errors


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
