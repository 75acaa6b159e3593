"""Predictions of training images by a model that has not seen their labels."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from lpt.analysis.logit_digest import ImageScores, score_images
from lpt.evaluation.calibration import fit_temperature

__all__ = ["leave_one_out"]

CHUNK = 4096  # images whose cosines with all classes are in memory at a time
CHUNK_VALUES = 2**24  # similarities of images in memory at a time
NEIGHBOURS = 10

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]


def leave_one_out(
    features: Floats, labels: Indices, num_classes: int
) -> tuple[ImageScores, npt.NDArray[np.bool_]]:
    """Predict each image from the class means of all other images.

    A trained classifier knows the labels of its training images, wrong ones too, so it cannot
    judge them. Features are scaled so that they vary equally in all directions within a class.

    Args:
        features: (n, D), n at least 1, of a model that was not trained on the labels.
        labels: (n,) given classes.
        num_classes: C.
    Returns: the predictions, with a temperature calibrated on them, and (n,) whether the label of
        an image may be doubted: it is not the only image of its class, and none of its nearest ten
        has its label.
    """
    given = torch.from_numpy(labels)
    unit = _equalised(F.normalize(torch.from_numpy(features), dim=1), given, num_classes)
    cosines, counts = _cosines(unit, given, num_classes), torch.bincount(given)
    sample = slice(None, None, max(1, len(labels) // CHUNK))
    temperature = fit_temperature(cosines(sample).numpy(), labels[sample])
    parts = [score_images(cosines(rows), given[rows], temperature) for rows in _chunks(labels)]
    judged = (counts[given] > 1).numpy() & ~_has_neighbour(unit, given)
    return ImageScores.concatenate(parts), judged


def _chunks(labels: Indices) -> list[slice]:
    return [slice(start, start + CHUNK) for start in range(0, len(labels), CHUNK)]


def _cosines(
    unit: torch.Tensor, labels: torch.Tensor, num_classes: int
) -> Callable[[slice], torch.Tensor]:
    """Return a function of rows: cosines (n, C) to the means of classes without the image."""
    sums = torch.zeros(num_classes, unit.shape[1]).index_add_(0, labels, unit)
    means = F.normalize(sums, dim=1)
    absent = torch.bincount(labels, minlength=num_classes) == 0

    def cosines(rows: slice) -> torch.Tensor:
        own = labels[rows, None]
        without = F.normalize(sums[labels[rows]] - unit[rows], dim=1)
        found = unit[rows] @ means.T
        found[:, absent] = -1.0
        return found.scatter_(1, own, (unit[rows] * without).sum(dim=1, keepdim=True))

    return cosines


def _equalised(unit: torch.Tensor, labels: torch.Tensor, num_classes: int) -> torch.Tensor:
    """Scale features by the inverse root of their covariance within classes: (n, D), unit length.

    The fewer images, the closer the covariance is taken to that of features alike in all
    directions: as if by as many more images as there are directions. No image is left out of it
    for not fitting its class, since that would make all labels look better than they are.
    """
    size, width = unit.shape
    counts = torch.bincount(labels, minlength=num_classes).clamp(min=1)[:, None]
    means = torch.zeros(num_classes, width).index_add_(0, labels, unit) / counts
    inner = (unit - means[labels]).double()
    covariance = inner.T @ inner / size
    even = covariance.trace() / width
    if not even > 0:
        return unit
    own = size / (size + width)
    covariance = own * covariance + (1 - own) * even * torch.eye(width, dtype=torch.float64)
    values, directions = torch.linalg.eigh(covariance)
    root = (directions * values.rsqrt()) @ directions.T
    return F.normalize((unit - unit.mean(dim=0)) @ root.float(), dim=1)


def _has_neighbour(unit: torch.Tensor, labels: torch.Tensor) -> npt.NDArray[np.bool_]:
    """Whether one of the nearest ten other images has the label of an image: (n,)."""
    found, rows = [], max(1, CHUNK_VALUES // len(unit))
    for start in range(0, len(unit), rows):
        similarity = unit[start : start + rows] @ unit.T
        own = torch.arange(start, start + len(similarity))
        similarity.scatter_(1, own[:, None], -2.0)
        nearest = similarity.topk(min(NEIGHBOURS, len(unit)), dim=1).indices
        found.append((labels[nearest] == labels[own, None]) & (nearest != own[:, None]))
    return torch.cat(found).any(dim=1).numpy()
