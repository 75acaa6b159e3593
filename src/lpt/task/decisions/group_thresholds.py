"""Confidence thresholds by shot group, for a wanted precision or for a share of predictions."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lpt.arguments import fraction
from lpt.data.class_groups import ClassGroups
from lpt.errors import ParameterError
from lpt.progress import percent, plural
from lpt.task.decisions.validation_scores import check_stored
from lpt.task.prediction import Prediction
from lpt.task_records import GroupScores
from lpt.task_spec import TaskSpec

__all__ = ["GroupThreshold", "GroupThresholds"]

Floats = npt.NDArray[np.float64]

SMALLEST = 10
"""Predictions that a threshold must keep; fewer say little about its precision."""


@dataclass(frozen=True)
class GroupThreshold:
    """The threshold of one group and what it does to the validation images.

    Attributes:
        lowest: confidence of a kept prediction; above 1 where no threshold does what is asked.
        kept: predictions that it keeps.
        correct: how many of these are correct.
        images: predictions of the group.
    """

    lowest: float
    kept: int
    correct: int
    images: int


@dataclass(frozen=True)
class GroupThresholds:
    """Thresholds by the shot group of the predicted class.

    Attributes:
        by_group: the threshold of each group.
        group_of: shot group of each class.
    """

    by_group: Mapping[str, GroupThreshold]
    group_of: Mapping[str, str]

    @classmethod
    def of(
        cls, spec: TaskSpec, *, precision: float | None = None, keep: float | None = None
    ) -> "GroupThresholds":
        """Choose thresholds on the validation scores that a task stores.

        Args:
            spec: metadata of the task.
            precision: share of kept predictions that are correct; the lowest threshold that reaches
                it while it keeps ten predictions is taken.
            keep: share of predictions that are kept; give one of the two.
        Raises: ConfigError if the task has no scores; ParameterError for a share out of range.
        """
        check_stored(spec)
        if (precision is None) == (keep is None):
            raise ParameterError("`precision`, `keep`: give one of them.")
        fraction("precision" if keep is None else "keep", precision if keep is None else keep)
        names = ClassGroups(spec.many_above, spec.few_below).of(spec.class_counts)
        found: dict[str, GroupThreshold] = {
            group: _precise(scores, precision)
            if precision is not None
            else _keeping(scores, keep or 0.0)
            for group, scores in spec.validation.items()
        }
        return cls(found, dict(zip(spec.class_names, names.tolist(), strict=True)))

    def unsure(self, prediction: Prediction) -> bool:
        """Whether the most probable class is below the threshold of its group."""
        threshold = self.by_group.get(self.group_of[prediction.labels[0]])
        return threshold is None or prediction.probabilities[0] < threshold.lowest

    def lines(self) -> list[str]:
        """Describe each threshold, one line per group."""
        return [_line(group, threshold) for group, threshold in self.by_group.items()]


def _precise(scores: GroupScores, precision: float) -> GroupThreshold:
    right, wrong = np.array(scores.right), np.array(scores.wrong)
    images = len(right) + len(wrong)
    for lowest in (0.0, *np.unique(right).tolist()):
        correct, kept = _kept(right, wrong, lowest)
        if kept >= SMALLEST and correct >= precision * kept:
            return GroupThreshold(lowest, kept, correct, images)
    return GroupThreshold(math.inf, 0, 0, images)


def _keeping(scores: GroupScores, share: float) -> GroupThreshold:
    right, wrong = np.array(scores.right), np.array(scores.wrong)
    both = np.sort(np.concatenate([right, wrong]))
    lowest = float(both[len(both) - max(1, math.ceil(share * len(both)))]) if len(both) else 0.0
    correct, kept = _kept(right, wrong, lowest)
    return GroupThreshold(lowest, kept, correct, len(both))


def _kept(right: Floats, wrong: Floats, lowest: float) -> tuple[int, int]:
    correct = int((right >= lowest).sum())
    return correct, correct + int((wrong >= lowest).sum())


def _line(group: str, one: GroupThreshold) -> str:
    number = plural(one.images, "validation prediction")
    if one.lowest > 1:
        return f"{group}-shot classes: no threshold reaches it on {number}; all are unsure"
    share = percent(one.correct / one.kept if one.kept else None)
    return (
        f"{group}-shot classes: from {one.lowest:.3f} on; keeps {one.kept:,} of {number}, "
        f"{share} % of them correct"
    )
