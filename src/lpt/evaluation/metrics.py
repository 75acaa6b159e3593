"""How well a model does on many, medium and few-shot classes.

Rules, stated once:

- A group's accuracy pools the images of its classes (the field's habit), so that a class counts by
  its test images; a group without test images has no accuracy (None).
- Macro accuracy is the mean of the recalls of the classes that have test images. Classes without
  test images are left out of it and counted in `classes_without_test`; images predicted as one of
  them are errors like any other.
- Of equal logits the lowest class index wins.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from lpt.data.class_groups import ClassGroups
from lpt.errors import DataError, ShapeError, TrainingError
from lpt.records import Predictions

__all__ = ["ClassScore", "GroupScore", "Metrics", "evaluate", "metrics_csv", "metrics_json"]

TOP = 5
CHUNK_VALUES = 2**23  # logits held at a time: 32 MiB of float32

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class GroupScore:
    """Hits of one group of classes."""

    classes: int
    images: int
    correct: int

    @property
    def accuracy(self) -> float | None:
        """Share of the group's images that are right; None without images."""
        return _ratio(self.correct, self.images)


@dataclass(frozen=True)
class ClassScore:
    """One class: its images, its hits, and how often it was named wrongly.

    Attributes:
        predicted: images that the model put into this class, rightly or not.
        recall: correct / test_images; None without test images.
        precision: correct / predicted; None if never predicted.
        f1: harmonic mean of the two, 0 without a hit; None if neither tested nor predicted.
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
class Metrics:
    """All that `evaluate` measures; accuracies are shares in [0, 1].

    Attributes:
        images: test images; `correct` of them are right.
        top5: share of images whose class is among the five best; None for five classes or fewer.
        macro: mean recall of the classes that have test images.
        classes_without_test: classes left out of `macro`.
        group_scores: many, medium, few, in this order.
        class_scores: one for each class, in class order.
        groups: the bounds that define many, medium and few.
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
        """Share of all test images that are right."""
        return self.correct / self.images

    @property
    def many(self) -> float | None:
        """Accuracy on many-shot classes."""
        return self.group_scores["many"].accuracy

    @property
    def medium(self) -> float | None:
        """Accuracy on medium-shot classes."""
        return self.group_scores["medium"].accuracy

    @property
    def few(self) -> float | None:
        """Accuracy on few-shot classes."""
        return self.group_scores["few"].accuracy

    def summary(self) -> dict[str, float | None]:
        """The numbers of a table's row: overall, many, medium, few, macro, top5."""
        names = ("overall", "many", "medium", "few", "macro", "top5")
        return {name: getattr(self, name) for name in names}


def evaluate(
    predictions: Predictions,
    train_counts: npt.NDArray[np.integer[Any]] | Sequence[int],
    groups: ClassGroups | None = None,
    class_names: Sequence[str] | None = None,
) -> Metrics:
    """Score predictions of a test split.

    Logits are read a chunk of rows at a time, so they may be a memory map larger than memory.

    Args:
        predictions: logits (n, C) and labels (n,).
        train_counts: training images a class, (C,); they decide a class's group.
        groups: bounds of the groups; None for the field's usual ones.
        class_names: (C,); None numbers the classes.
    Raises: DataError without images; ShapeError if sizes or labels do not fit the C classes;
        TrainingError if a logit is not finite.
    """
    groups = groups or ClassGroups()
    labels = np.asarray(predictions.labels, dtype=np.int64)
    counts = np.asarray(train_counts, dtype=np.int64)
    names = list(class_names) if class_names is not None else [str(i) for i in range(len(counts))]
    _check(predictions.logits, labels, counts, names)

    chosen, ranks = _choices_and_ranks(predictions.logits, labels)
    classes = len(counts)
    correct = np.bincount(labels[chosen == labels], minlength=classes)
    tested = np.bincount(labels, minlength=classes)
    predicted = np.bincount(chosen, minlength=classes)
    members = groups.members(counts)
    return Metrics(
        images=len(labels),
        correct=int(correct.sum()),
        top5=float((ranks < TOP).mean()) if classes > TOP else None,
        macro=float((correct[tested > 0] / tested[tested > 0]).mean()),
        classes_without_test=int((tested == 0).sum()),
        group_scores={
            group: GroupScore(len(ids), int(tested[ids].sum()), int(correct[ids].sum()))
            for group, ids in members.items()
        },
        class_scores=tuple(_class_scores(names, members, counts, tested, predicted, correct)),
        groups=groups,
    )


def metrics_json(metrics: Metrics) -> dict[str, Any]:
    """Everything as plain JSON values; what is not defined is null, never NaN."""
    group_scores = {
        group: {"accuracy": score.accuracy, **asdict(score)}
        for group, score in metrics.group_scores.items()
    }
    return {
        **metrics.summary(),
        "images": metrics.images,
        "correct": metrics.correct,
        "classes_without_test": metrics.classes_without_test,
        "group_bounds": asdict(metrics.groups),
        "groups": group_scores,
        "classes": [asdict(score) for score in metrics.class_scores],
    }


def metrics_csv(metrics: Metrics) -> str:
    """The classes as CSV with a header line; what is not defined is empty."""
    text = io.StringIO()
    columns = [field.name for field in fields(ClassScore)]
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(score) for score in metrics.class_scores)
    return text.getvalue()


def _choices_and_ranks(
    logits: npt.NDArray[np.floating[Any]], labels: Indices
) -> tuple[Indices, Indices]:
    """The class chosen for each image, and how many classes come before its true one."""
    chosen, ranks = np.empty_like(labels), np.empty_like(labels)
    class_ids = np.arange(logits.shape[1])
    for rows in _chunks(*logits.shape):
        block, truth = np.asarray(logits[rows]), labels[rows, None]
        if not np.isfinite(block).all():
            raise TrainingError(
                f"predictions: logits of images {rows.start} to {rows.stop - 1} are not all "
                "finite, so the model has diverged. Train again with a lower learning rate."
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
    names: list[str],
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
            recall=_ratio(hits, test),
            precision=_ratio(hits, named),
            f1=_ratio(2 * hits, test + named),
        )


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


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
            f"predictions: {classes} classes of logits, {counts.size} training counts and "
            f"{len(names)} class names. Give one of each for every class."
        )
    if not len(labels):
        raise DataError("predictions: no images. Give a test split that has some.")
    if labels.min() < 0 or labels.max() >= classes:
        raise ShapeError(
            f"predictions: labels from {labels.min()} to {labels.max()} for {classes} classes. "
            "Test on the classes that the model was trained on."
        )
