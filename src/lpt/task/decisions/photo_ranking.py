"""Which unlabelled photos would teach most about rare classes."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lpt.errors import ShapeError

__all__ = ["RankedPhoto", "rank_photos"]

CANDIDATES = 20
"""Photos per place in the budget that compete for it, those with the highest value."""

TINY = 1e-12

Floats = npt.NDArray[np.floating]


class RankedPhoto(NamedTuple):
    """A photo to label next.

    Attributes:
        place: its position.
        value: uncertainty times rarity, in [0, 1].
        margin: difference of the two largest probabilities.
        rarity: expected rarity of its class, in [0, 1].
    """

    place: int
    value: float
    margin: float
    rarity: float


def rank_photos(
    probabilities: Floats, features: Floats, counts: npt.ArrayLike, budget: int
) -> list[RankedPhoto]:
    """Choose photos one after another: uncertain, near rare classes, unlike those chosen before.

        value = (1 - (p_1 - p_2)) * sum over c of p_c (N_min / N_c) ** 0.5

    with p_1, p_2 the largest probabilities and N_c the training images of class c. The next photo
    has the largest value times its distance, 1 - cosine of the centred features, to the nearest
    photo chosen before. Copies of a chosen photo have distance 0 and come last.

    Args:
        probabilities: (n, C), calibrated.
        features: (n, D).
        counts: (C,) labelled training images per class.
        budget: number of photos to choose; all are, if there are fewer.
    Raises: ShapeError if the sizes differ.
    Source: margin sampling (Scheffer et al., 2001) for the uncertainty; the greedy k-center of
        core-set selection (Sener and Savarese, ICLR 2018) for the distance.
    """
    values, points = np.asarray(probabilities, float), np.asarray(features, float)
    numbers = np.maximum(np.asarray(counts, float), 1.0)
    if values.ndim != 2 or len(values) != len(points) or values.shape[1] != len(numbers):
        raise ShapeError(
            f"probabilities {values.shape}, features {points.shape} and {len(numbers)} counts do "
            "not fit. Give (n, C), (n, D) and (C,)."
        )
    if not len(values):
        return []
    best = np.sort(values, axis=1)[:, ::-1]
    margin = best[:, 0] - (best[:, 1] if values.shape[1] > 1 else 0.0)
    rarity = values @ np.sqrt(numbers.min() / numbers)
    value = (1 - margin) * rarity
    pool = np.argsort(-value, kind="stable")[: max(budget * CANDIDATES, budget)]
    chosen = _spread(value[pool], _unit(points - points.mean(axis=0))[pool], budget)
    return [
        RankedPhoto(int(i), float(value[i]), float(margin[i]), float(rarity[i]))
        for i in pool[chosen]
    ]


def _spread(value: Floats, unit: Floats, budget: int) -> list[int]:
    """Choose positions greedily by value times distance to the nearest chosen one."""
    distance = np.ones(len(value))
    left = np.ones(len(value), dtype=bool)
    chosen: list[int] = []
    while len(chosen) < min(budget, len(value)):
        # TINY keeps the order by value among photos that are copies of chosen ones.
        gain = np.where(left, (value + TINY) * (distance + TINY), -1.0)
        best = int(gain.argmax())
        chosen.append(best)
        left[best] = False
        distance = np.minimum(distance, np.maximum(1 - unit @ unit[best], 0.0))
    return chosen


def _unit(points: Floats) -> Floats:
    lengths = np.linalg.norm(points, axis=1, keepdims=True)
    return np.asarray(points / np.maximum(lengths, TINY))
