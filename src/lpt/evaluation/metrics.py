"""Accuracy overall, per shot group (many, medium, few) and per class: the one implementation.

Rules:

- The accuracy of a shot group pools the images of its classes, as is usual in the field, so each
  class counts in proportion to its test images. A group without test images has no accuracy (None).
- Macro accuracy is the mean recall over the classes that have test images. Classes without test
  images are left out and counted in `classes_without_test`; an image predicted as one of them is
  an error like any other.
- Ties: among equal logits the class with the lowest index wins.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lpt.data.class_groups import ClassGroups
from lpt.errors import DataError, ShapeError, TrainingError
from lpt.evaluation.metric_display import MetricsDisplay
from lpt.progress import SUMMARY_METRICS
from lpt.records import Predictions

__all__ = [
    "TOP",
    "ClassScore",
    "GroupScore",
    "Metrics",
    "evaluate",
    "measure",
    "ratio",
]

TOP = 5
"""Number of best classes that top-5 accuracy looks at."""

CHUNK_VALUES = 2**23  # logits in memory at a time: 32 MiB of float32

Counts = npt.NDArray[np.integer[Any]] | Sequence[int]
Indices = npt.NDArray[np.int64]


def ratio(part: int, whole: int) -> float | None:
    """Divide; None if `whole` is 0, because a share of nothing is undefined.

    >>> ratio(1, 4), ratio(0, 0)
    (0.25, None)
    """
    return part / whole if whole else None


@dataclass(frozen=True)
class GroupScore:
    """Counts of one shot group.

    Attributes:
        classes: classes in the group, tested or not.
        images: test images of these classes.
        correct: how many of them are predicted correctly.
    """

    classes: int
    images: int
    correct: int

    @property
    def accuracy(self) -> float | None:
        """correct / images, in [0, 1]; None without images."""
        return ratio(self.correct, self.images)


@dataclass(frozen=True)
class ClassScore:
    """Counts and scores of one class.

    Attributes:
        name: class name.
        group: shot group: "many", "medium" or "few".
        train_images, test_images: number of images of the class.
        predicted: images predicted as this class, correctly or not.
        correct: images of this class predicted correctly.
        recall: correct / test_images; None without test images.
        precision: correct / predicted; None if never predicted.
        f1: harmonic mean of the two, 0 without a correct image; None if neither tested nor
            predicted.
    """

    name: str
    group: str
    train_images: int
    test_images: int
    predicted: int
    correct: int
    recall: float | None
    precision: float | None
    f1: float | None


@dataclass(frozen=True)
class Metrics(MetricsDisplay):
    """Result of `evaluate`; accuracies are shares in [0, 1].

    Attributes:
        images: number of test images.
        correct: test images predicted correctly.
        top5: share of images whose class is among the five best; None for five classes or fewer.
        macro: mean recall over the classes that have test images.
        classes_without_test: classes left out of `macro`.
        group_scores: scores by shot group: many, medium, few, in this order.
        class_scores: (C,) in class order.
        groups: bounds of the shot groups.
    """

    images: int
    correct: int
    top5: float | None
    macro: float
    classes_without_test: int
    group_scores: dict[str, GroupScore]
    class_scores: tuple[ClassScore, ...]
    groups: ClassGroups

    @property
    def overall(self) -> float:
        """Share of all test images that are predicted correctly."""
        return self.correct / self.images

    @property
    def many(self) -> float | None:
        """Accuracy on many-shot classes; None without test images."""
        return self.group_scores["many"].accuracy

    @property
    def medium(self) -> float | None:
        """Accuracy on medium-shot classes; None without test images."""
        return self.group_scores["medium"].accuracy

    @property
    def few(self) -> float | None:
        """Accuracy on few-shot classes; None without test images."""
        return self.group_scores["few"].accuracy

    def summary(self) -> dict[str, float | None]:
        """Return `lpt.progress.SUMMARY_METRICS` and top5 by name."""
        return {name: getattr(self, name) for name in (*SUMMARY_METRICS, "top5")}


def evaluate(
    predictions: Predictions,
    train_counts: Counts,
    groups: ClassGroups | None = None,
    class_names: Sequence[str] | None = None,
) -> Metrics:
    """Compute all metrics of a test split from its logits.

    Logits are read in chunks of rows, so they may be a memory map larger than memory.

    Args:
        predictions: logits (n, C) and labels (n,).
        train_counts: (C,) training images per class; they decide the shot group of a class.
        groups: bounds of the shot groups; None for the field's usual ones.
        class_names: (C,); None numbers the classes.
    Raises: DataError without images; ShapeError if sizes or labels do not fit the C classes;
        TrainingError if a logit is not finite.

    Three images of two classes, 300 and 10 training images; the second image is misclassified:

    >>> logits = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]], dtype=np.float32)
    >>> metrics = evaluate(Predictions(logits, np.array([0, 1, 1])), [300, 10])
    >>> print(f"{metrics.overall:.3f}", metrics.many, metrics.medium, metrics.few, metrics.macro)
    0.667 1.0 None 0.5 0.75
    """
    labels = np.asarray(predictions.labels, dtype=np.int64)
    counts = np.asarray(train_counts, dtype=np.int64)
    names = list(class_names) if class_names is not None else [str(i) for i in range(len(counts))]
    _check(predictions.logits, labels, counts, names)
    chosen, ranks = _choices_and_ranks(predictions.logits, labels)
    return measure(labels, chosen, ranks < TOP, counts, groups, names)


def measure(
    labels: Indices,
    chosen: Indices,
    in_top: npt.NDArray[np.bool_],
    train_counts: Counts,
    groups: ClassGroups | None,
    class_names: Sequence[str],
) -> Metrics:
    """Compute all metrics from predicted classes, for callers that do not keep the logits.

    Args:
        labels: (n,) given classes, n at least 1.
        chosen: (n,) predicted classes; ties resolved as this module states.
        in_top: (n,) whether the given class is among the `TOP` best.
        train_counts: (C,) training images per class.
        groups: bounds of the shot groups; None for the field's usual ones.
        class_names: (C,).

    >>> labels, chosen, in_top = np.array([0, 0, 1]), np.array([0, 1, 1]), np.ones(3, dtype=bool)
    >>> measured = measure(labels, chosen, in_top, [300, 10], None, ["cat", "lynx"])
    >>> print(measured.many, measured.few, measured.macro, measured.top5)
    0.5 1.0 0.75 None
    """
    groups = groups or ClassGroups()
    counts = np.asarray(train_counts, dtype=np.int64)
    classes = len(counts)
    correct = np.bincount(labels[chosen == labels], minlength=classes)
    tested = np.bincount(labels, minlength=classes)
    predicted = np.bincount(chosen, minlength=classes)
    members = groups.members(counts)
    return Metrics(
        images=len(labels),
        correct=int(correct.sum()),
        top5=float(in_top.mean()) if classes > TOP else None,
        macro=float((correct[tested > 0] / tested[tested > 0]).mean()),
        classes_without_test=int((tested == 0).sum()),
        group_scores={
            group: GroupScore(len(ids), int(tested[ids].sum()), int(correct[ids].sum()))
            for group, ids in members.items()
        },
        class_scores=tuple(_class_scores(class_names, members, counts, tested, predicted, correct)),
        groups=groups,
    )


def _choices_and_ranks(
    logits: npt.NDArray[np.floating[Any]], labels: Indices
) -> tuple[Indices, Indices]:
    """Return the predicted class of each image and the rank of its true class (0 is best)."""
    chosen, ranks = np.empty_like(labels), np.empty_like(labels)
    class_ids = np.arange(logits.shape[1])
    for rows in _chunks(*logits.shape):
        block, truth = np.asarray(logits[rows]), labels[rows, None]
        if not np.isfinite(block).all():
            raise TrainingError(
                f"predictions: logits of images {rows.start} to {rows.stop - 1} are not all "
                "finite: the model has diverged. Train again with a lower learning rate."
            )
        own = np.take_along_axis(block, truth, axis=1)
        before = (block > own) | ((block == own) & (class_ids < truth))
        ranks[rows] = before.sum(axis=1)
        chosen[rows] = block.argmax(axis=1)
    return chosen, ranks


def _chunks(images: int, classes: int) -> Iterator[slice]:
    rows = max(1, CHUNK_VALUES // classes)
    for start in range(0, images, rows):
        yield slice(start, min(start + rows, images))


def _class_scores(
    names: Sequence[str],
    members: dict[str, Indices],
    counts: Indices,
    tested: Indices,
    predicted: Indices,
    correct: Indices,
) -> Iterator[ClassScore]:
    group_of = {int(i): group for group, ids in members.items() for i in ids}
    for i, name in enumerate(names):
        train, test, named, hits = (int(a[i]) for a in (counts, tested, predicted, correct))
        yield ClassScore(
            name=name,
            group=group_of[i],
            train_images=train,
            test_images=test,
            predicted=named,
            correct=hits,
            recall=ratio(hits, test),
            precision=ratio(hits, named),
            f1=ratio(2 * hits, test + named),
        )


def _check(
    logits: npt.NDArray[np.floating[Any]], labels: Indices, counts: Indices, names: list[str]
) -> None:
    if logits.ndim != 2 or labels.shape != logits.shape[:1]:
        raise ShapeError(
            f"predictions: logits {logits.shape} and labels {labels.shape} do not fit. "
            "Give logits (n, C) and labels (n,)."
        )
    classes = logits.shape[1]
    if counts.shape != (classes,) or len(names) != classes:
        raise ShapeError(
            f"predictions: logits of {classes} classes, {counts.size} training counts and "
            f"{len(names)} class names. Give one count and one name per class."
        )
    if not len(labels):
        raise DataError("predictions: no images. Give a test split that has some.")
    if labels.min() < 0 or labels.max() >= classes:
        raise ShapeError(
            f"predictions: labels from {labels.min()} to {labels.max()} for {classes} classes. "
            "Use test images of the classes that the model was trained on."
        )
