"""Confused classes, and classes that need more training images."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import betaincinv

from lpt.analysis.logit_digest import ImageScores
from lpt.evaluation import ClassScore

__all__ = [
    "ConfusedPair",
    "Confusion",
    "ShortClass",
    "exact_interval",
    "find_confusions",
    "short_of_data",
    "worst_pair",
]


FEWEST = 5
"""Test images from which a class is compared with overall accuracy."""

_ORDER = ("few", "medium", "many")


@dataclass(frozen=True)
class Confusion:
    """Images of one class that are predicted as another.

    Attributes:
        class_id: given class.
        taken_for: predicted class.
        images: number of these images.
        of: number of test images of the given class.
        back: number of images of the predicted class that are predicted as the given one.
        at_least: lower end of the 99 % confidence interval of images / of. It ranks a confusion
            seen 15 times in 20 above one seen once in one.
        rare_for_frequent: whether the predicted class is of a more frequent shot group than the
            given one and has over twice its training images.
    """

    class_id: int
    taken_for: int
    images: int
    of: int
    back: int
    at_least: float
    rare_for_frequent: bool


@dataclass(frozen=True)
class ConfusedPair:
    """Two classes that are confused with each other.

    Attributes:
        one, two: class indices, one < two.
        there: number of images of `one` predicted as `two`.
        back: number of images of `two` predicted as `one`.
    """

    one: int
    two: int
    there: int
    back: int


@dataclass(frozen=True)
class ShortClass:
    """A class with few training images whose recall is significantly below overall accuracy.

    Attributes:
        class_id: the class.
        recall: its recall.
        at_most: upper end of the 95 % confidence interval of the recall.
        train_images, test_images: number of its images.
        taken_for: most frequent wrong prediction of its images; None if all are correct.
    """

    class_id: int
    recall: float
    at_most: float
    train_images: int
    test_images: int
    taken_for: int | None


def find_confusions(scores: ImageScores, classes: Sequence[ClassScore]) -> tuple[Confusion, ...]:
    """List all confused pairs of classes, ranked by `at_least`.

    Memory: only pairs that occur, at most one per image, never a C x C matrix.

    Args:
        scores: digest of the predictions.
        classes: (C,) scores by class.
    """
    wrong = ~scores.correct
    size = len(classes)
    codes, counts = np.unique(
        scores.labels[wrong] * size + scores.chosen[wrong], return_counts=True
    )
    images = dict(zip(codes.tolist(), counts.tolist(), strict=True))
    found = []
    for code, count in images.items():
        own, other = divmod(code, size)
        tested = classes[own].test_images
        found.append(
            Confusion(
                own,
                other,
                count,
                tested,
                images.get(other * size + own, 0),
                exact_interval(count, tested, level=99)[0],
                _is_rarer(classes[own], classes[other]),
            )
        )
    return tuple(sorted(found, key=lambda c: (-c.at_least, -c.images, c.class_id, c.taken_for)))


def worst_pair(
    confusions: Sequence[Confusion], classes: Sequence[ClassScore]
) -> ConfusedPair | None:
    """Find the two classes with the highest confusion in both directions.

    A pair that is confused once is an accident, and never the worst one.

    Args:
        confusions: all confusions of the split.
        classes: (C,) scores by class.
    Returns: None if no two classes are confused twice.
    """
    pairs: dict[tuple[int, int], ConfusedPair] = {}
    for c in confusions:
        one, two = min(c.class_id, c.taken_for), max(c.class_id, c.taken_for)
        there, back = (c.images, c.back) if c.class_id == one else (c.back, c.images)
        if there + back > 1:
            pairs[one, two] = ConfusedPair(one, two, there, back)

    def rank(pair: ConfusedPair) -> tuple[float, int]:
        there = exact_interval(pair.there, classes[pair.one].test_images, level=99)[0]
        back = exact_interval(pair.back, classes[pair.two].test_images, level=99)[0]
        return there + back, pair.there + pair.back

    return max(pairs.values(), key=rank, default=None)


def short_of_data(
    scores: ImageScores, classes: Sequence[ClassScore], confusions: Sequence[Confusion]
) -> tuple[ShortClass, ...]:
    """Find medium- and few-shot classes with recall significantly below overall accuracy.

    Significantly: the 95 % confidence interval of the recall lies below overall accuracy, for a
    class with 5 test images or more.

    Args:
        scores: digest of the predictions.
        classes: (C,) scores by class.
        confusions: all confusions of the split.
    Returns: the classes, worst first.
    """
    overall = float(scores.correct.mean())
    most: dict[int, Confusion] = {}
    for confusion in confusions:
        known = most.get(confusion.class_id)
        if known is None or confusion.images > known.images:
            most[confusion.class_id] = confusion
    found = []
    for index, score in enumerate(classes):
        if score.recall is None or score.group == "many" or score.test_images < FEWEST:
            continue
        at_most = exact_interval(score.correct, score.test_images)[1]
        if at_most < overall:
            other = most.get(index)
            found.append(
                ShortClass(
                    index,
                    score.recall,
                    at_most,
                    score.train_images,
                    score.test_images,
                    other.taken_for if other else None,
                )
            )
    return tuple(sorted(found, key=lambda s: (s.at_most, s.recall, s.train_images, s.class_id)))


def _is_rarer(own: ClassScore, other: ClassScore) -> bool:
    frequent = _ORDER.index(other.group) > _ORDER.index(own.group)
    return frequent and 2 * own.train_images < other.train_images


def exact_interval(hits: int, trials: int, *, level: int = 95) -> tuple[float, float]:
    """Compute the exact (Clopper-Pearson) confidence interval of a proportion.

    It is conservative: it covers the true proportion with at least `level` percent probability,
    even for a single trial.

    Args:
        hits: successes, at most `trials`.
        trials: (0, 1) is returned if there are none.
        level: confidence level in percent.
    Source: Clopper and Pearson, Biometrika 26 (1934).

    >>> low, high = exact_interval(10, 20)
    >>> print(f"{low:.3f} {high:.3f}")
    0.272 0.728
    """
    tail = (1 - level / 100) / 2
    low = float(betaincinv(hits, trials - hits + 1, tail)) if hits else 0.0
    high = float(betaincinv(hits + 1, trials - hits, 1 - tail)) if hits < trials else 1.0
    return low, high
