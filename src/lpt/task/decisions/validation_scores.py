"""Probabilities on validation images that a task stores, so that thresholds can be chosen later."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from lpt.data.class_groups import ClassGroups
from lpt.errors import ConfigError
from lpt.task_records import GroupScores, ShotGroup
from lpt.task_spec import TaskSpec

__all__ = ["MOST_IMAGES", "check_stored", "validation_scores"]

MOST_IMAGES = 5000
"""Images whose scores are stored; of more, every second, third, ... is taken."""

DIGITS = 6


def validation_scores(
    probabilities: npt.NDArray[np.floating[Any]],
    labels: npt.NDArray[np.int64],
    class_counts: Sequence[int],
    groups: ClassGroups,
) -> dict[ShotGroup, GroupScores]:
    """Collect the scores that a task stores.

    Args:
        probabilities: (n, C), calibrated.
        labels: (n,) true classes.
        class_counts: (C,) training images per class.
        groups: bounds of the shot groups.
    Returns: by shot group; groups without classes are left out.
    """
    step = -(-len(labels) // MOST_IMAGES)
    some, truth = probabilities[:: step or 1], labels[:: step or 1]
    rows = np.arange(len(truth))
    predicted, own = some.argmax(axis=1), some[rows, truth]
    best, right = some.max(axis=1), predicted == truth
    names = groups.of(np.asarray(class_counts))
    found: dict[ShotGroup, GroupScores] = {}
    for group in ("many", "medium", "few"):
        if not (names == group).any():
            continue
        answered = names[predicted] == group
        found[group] = GroupScores(
            own=_stored(own[names[truth] == group]),
            right=_stored(best[answered & right]),
            wrong=_stored(best[answered & ~right]),
        )
    return found


def check_stored(spec: TaskSpec) -> None:
    """Check that a task has scores. Raises: ConfigError saying how to get them."""
    if not any(scores.own for scores in spec.validation.values()):
        raise ConfigError(
            "the task has no validation scores: it was trained without validation images, by an "
            "older version of lpt, or its classes were changed. Train it again (lpt train "
            "--init-from TASK)."
        )


def _stored(values: npt.NDArray[np.floating[Any]]) -> tuple[float, ...]:
    kept = np.clip(np.round(np.sort(values.astype(np.float64)), DIGITS), 0, 1)
    return tuple(kept.tolist())
