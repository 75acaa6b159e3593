"""Which class is taken for which, and which classes need more images."""

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


@dataclass(frozen=True)
class Confusion:
    """Images of one class that the model takes for another.

    Attributes:
        class_id, taken_for: class indices.
        images: how many, of `of` test images of the class.
        back: how many of the other class are taken for this one.
        at_least: lower end of the 99 % interval of images / of, which ranks a confusion seen often
            above one seen once of once.
        rare_for_frequent: the class has less than half the training images of the one it is
            taken for.
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
    """Two classes that are taken for each other.

    Attributes:
        one, two: class indices, one < two.
        there: images of `one` taken for `two`.
        back: images of `two` taken for `one`.
    """

    one: int
    two: int
    there: int
    back: int


@dataclass(frozen=True)
class ShortClass:
    """A class that does worse than the data as a whole and has few training images.

    Attributes:
        at_most: upper end of the 95 % interval of its recall; below the overall accuracy.
        taken_for: the class that most of its missed images go to; None if it misses none.
    """

    class_id: int
    recall: float
    at_most: float
    train_images: int
    test_images: int
    taken_for: int | None


def find_confusions(scores: ImageScores, classes: Sequence[ClassScore]) -> tuple[Confusion, ...]:
    """Every pair of classes with a confused image, the surest and most frequent first.

    Only pairs that occur are held: at most one an image, never a C x C matrix.
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
                2 * classes[own].train_images < classes[other].train_images,
            )
        )
    return tuple(sorted(found, key=lambda c: (-c.at_least, -c.images, c.class_id, c.taken_for)))


def worst_pair(
    confusions: Sequence[Confusion], classes: Sequence[ClassScore]
) -> ConfusedPair | None:
    """The two classes most surely taken for each other, both ways together; None without errors."""
    pairs: dict[tuple[int, int], ConfusedPair] = {}
    for c in confusions:
        one, two = min(c.class_id, c.taken_for), max(c.class_id, c.taken_for)
        there, back = (c.images, c.back) if c.class_id == one else (c.back, c.images)
        pairs[one, two] = ConfusedPair(one, two, there, back)

    def sureness(pair: ConfusedPair) -> tuple[float, int]:
        there = exact_interval(pair.there, classes[pair.one].test_images, level=99)[0]
        back = exact_interval(pair.back, classes[pair.two].test_images, level=99)[0]
        return there + back, pair.there + pair.back

    return max(pairs.values(), key=sureness, default=None)


def short_of_data(
    scores: ImageScores, classes: Sequence[ClassScore], confusions: Sequence[Confusion]
) -> tuple[ShortClass, ...]:
    """Few- and medium-shot classes that are surely worse than the overall accuracy, worst first.

    Surely: the whole 95 % interval of their recall lies below it.
    """
    overall = float(scores.correct.mean())
    most: dict[int, Confusion] = {}
    for confusion in confusions:
        known = most.get(confusion.class_id)
        if known is None or confusion.images > known.images:
            most[confusion.class_id] = confusion
    found = []
    for index, score in enumerate(classes):
        if score.recall is None or score.group == "many":
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


def exact_interval(hits: int, trials: int, *, level: int = 95) -> tuple[float, float]:
    """Interval of a share seen `hits` of `trials` times; (0, 1) without trials.

    It never claims more than `level` percent, however few the trials: one image says little.

    Source: Clopper and Pearson, Biometrika 26 (1934).
    """
    tail = (1 - level / 100) / 2
    low = float(betaincinv(hits, trials - hits + 1, tail)) if hits else 0.0
    high = float(betaincinv(hits + 1, trials - hits, 1 - tail)) if hits < trials else 1.0
    return low, high
