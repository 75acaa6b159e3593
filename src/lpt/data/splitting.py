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
    copies: Ids | None = None,
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
        copies: (n,) numbers; images with the same number are copies and stay together, as groups
            do. None if there are none; then the result is the same as without this argument.
    Returns: (n,) True for the images held out.
    Raises: ConfigError if the fraction is out of range.
    """
    if not 0 <= fraction < 1:
        raise ConfigError(f"held-out fraction {fraction}: choose 0 <= fraction < 1.")
    rng = random_stream(seed, smallest)
    counts = np.bincount(labels)
    quota = np.floor(counts * fraction + 0.5).astype(np.int64)
    quota = np.where(counts >= max(smallest, 2), np.minimum(quota, counts - 1), 0)
    if groups is not None:
        units = np.unique(groups, return_inverse=True)[1].astype(np.int64)
        if copies is not None:
            units = _joined(units, copies)
        return _by_unit(labels, quota, units, rng.permutation(int(units.max()) + 1))
    if copies is None:
        return _by_image(labels, quota, rng)
    units = np.unique(copies, return_inverse=True)[1].astype(np.int64)
    shuffled = units[rng.permutation(len(labels))]  # as `_by_image` shuffles
    _, first = np.unique(shuffled, return_index=True)
    return _by_unit(labels, quota, units, shuffled[np.sort(first)])


def _by_image(labels: Ids, quota: Ids, rng: np.random.Generator) -> Mask:
    shuffled = rng.permutation(len(labels))
    order = shuffled[np.argsort(labels[shuffled], kind="stable")]
    first = np.searchsorted(labels[order], np.arange(len(quota)))
    rank = np.arange(len(labels)) - first[labels[order]]
    aside = np.zeros(len(labels), dtype=np.bool_)
    aside[order] = rank < quota[labels[order]]
    return aside


def _by_unit(labels: Ids, quota: Ids, units: Ids, numbers: Ids) -> Mask:
    """Hold out whole units in the order of `numbers`, as long as each of its classes can spare."""
    order = np.argsort(units, kind="stable")
    members = np.split(order, np.flatnonzero(np.diff(units[order])) + 1)
    left = quota.copy()
    aside = np.zeros(len(labels), dtype=np.bool_)
    for number in numbers:
        images = members[number]
        classes, taken = np.unique(labels[images], return_counts=True)
        if np.all(left[classes] >= taken):
            left[classes] -= taken
            aside[images] = True
    return aside


def _joined(units: Ids, copies: Ids) -> Ids:
    """Join the units that hold copies of each other; without such units nothing changes."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    count = int(units.max()) + 1
    ends = (units, count + np.unique(copies, return_inverse=True)[1])
    size = int(ends[1].max()) + 1
    graph = coo_array((np.ones(len(units), dtype=np.int8), ends), shape=(size, size))
    component = connected_components(graph, directed=False)[1][:count]
    lowest = np.unique(component, return_index=True)[1]  # of the units of each component
    return np.unique(lowest[component][units], return_inverse=True)[1].astype(np.int64)
