"""Hold images out class by class, so that every class keeps training images."""

import numpy as np
import numpy.typing as npt

from lpt.errors import ConfigError
from lpt.random_streams import random_stream

__all__ = ["hold_out"]

Ids = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


def hold_out(
    labels: Ids,
    *,
    fraction: float,
    seed: int,
    smallest: int = 2,
    groups: npt.NDArray[np.str_] | None = None,
) -> Mask:
    """Choose the images to hold out: the rounded `fraction` of each class, never all of it.

    >>> held_out = hold_out(np.repeat([0, 1], [10, 5]), fraction=0.2, seed=0)
    >>> held_out[:10].sum().item(), held_out[10:].sum().item()
    (2, 1)

    Args:
        labels: (n,) class indices.
        fraction: share of each class, 0 <= fraction < 1.
        seed: the same seed chooses the same images.
        smallest: classes with fewer images lose none.
        groups: (n,) names; the images of a group stay together. A group is held out only if each
            of its classes can spare that many images, so shares may fall short of the fraction.
    Returns: (n,) True for the images held out.
    Raises: ConfigError if the fraction is out of range.
    """
    if not 0 <= fraction < 1:
        raise ConfigError(f"held-out fraction {fraction}: choose 0 <= fraction < 1.")
    rng = random_stream(seed, smallest)
    counts = np.bincount(labels)
    quota = np.floor(counts * fraction + 0.5).astype(np.int64)
    quota = np.where(counts >= max(smallest, 2), np.minimum(quota, counts - 1), 0)
    if groups is None:
        return _by_image(labels, quota, rng)
    return _by_group(labels, quota, groups, rng)


def _by_image(labels: Ids, quota: Ids, rng: np.random.Generator) -> Mask:
    shuffled = rng.permutation(len(labels))
    order = shuffled[np.argsort(labels[shuffled], kind="stable")]
    first = np.searchsorted(labels[order], np.arange(len(quota)))
    rank = np.arange(len(labels)) - first[labels[order]]
    aside = np.zeros(len(labels), dtype=np.bool_)
    aside[order] = rank < quota[labels[order]]
    return aside


def _by_group(
    labels: Ids, quota: Ids, groups: npt.NDArray[np.str_], rng: np.random.Generator
) -> Mask:
    unit = np.unique(groups, return_inverse=True)[1]
    order = np.argsort(unit, kind="stable")
    members = np.split(order, np.flatnonzero(np.diff(unit[order])) + 1)
    left = quota.copy()
    aside = np.zeros(len(labels), dtype=np.bool_)
    for number in rng.permutation(len(members)):
        images = members[number]
        classes, taken = np.unique(labels[images], return_counts=True)
        if np.all(left[classes] >= taken):
            left[classes] -= taken
            aside[images] = True
    return aside
