"""Sets of labels that hold the true class as often as asked, from the scores that a task stores."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lpt.arguments import fraction
from lpt.data.class_groups import ClassGroups
from lpt.evaluation.conformal import ConformalThresholds, conformal_threshold
from lpt.progress import percent, plural
from lpt.task.decisions.validation_scores import check_stored
from lpt.task.prediction import Prediction
from lpt.task_spec import TaskSpec

__all__ = ["LabelSets"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class LabelSets:
    """A rule from probabilities to sets of labels.

    Attributes:
        thresholds: lowest probability with which each class enters a set.
        class_names: (C,).
        notes: lines for people: on how many images the promise rests, and where it is empty.
    """

    thresholds: ConformalThresholds
    class_names: tuple[str, ...]
    notes: tuple[str, ...]

    @classmethod
    def of(cls, spec: TaskSpec, coverage: float, *, by_group: bool = False) -> "LabelSets":
        """Choose the thresholds of a task.

        The promise holds for images like the validation images, whose classes are as frequent as
        there. By group, it holds for the images of each shot group, however frequent they are.

        Args:
            spec: metadata of the task.
            coverage: wanted share of images whose set holds the true class, in [0, 1).
            by_group: whether every shot group gets a threshold of its own.
        Raises: ConfigError if the task has no scores; ParameterError for a coverage out of range.
        Source: `lpt.evaluation.conformal`.

        >>> task = lpt.load("runs/digits", device="cpu")
        >>> LabelSets.of(task.spec, 0.9)
        Traceback (most recent call last):
        ...
        lpt.errors.ConfigError: the task has no validation scores: ...
        """
        check_stored(spec)
        fraction("coverage", coverage)
        names = ClassGroups(spec.many_above, spec.few_below).of(spec.class_counts)
        lowest, notes = np.zeros(len(names)), []
        parts: dict[str, Floats] = {
            group: np.array(scores.own) for group, scores in spec.validation.items()
        }
        if not by_group:
            parts = {"all classes": np.concatenate(list(parts.values()))}
        for title, scores in parts.items():
            place = names == title if by_group else np.ones(len(names), dtype=bool)
            lowest[place] = conformal_threshold(scores, coverage)
            shown = f"{title}-shot classes" if by_group else title
            text = f"{shown}: {percent(coverage)} % from {plural(len(scores), 'validation image')}"
            if not lowest[place].any():
                text += ", which are too few: all of them enter every set"
            notes.append(text)
        return cls(ConformalThresholds(lowest, coverage), spec.class_names, tuple(notes))

    def members(self, prediction: Prediction) -> tuple[str, ...]:
        """Return the set of an image, most probable first.

        Args:
            prediction: of all classes (`top` at least C).
        """
        bar = dict(zip(self.class_names, self.thresholds.lowest.tolist(), strict=True))
        named = zip(prediction.labels, prediction.probabilities, strict=True)
        return tuple(label for rank, (label, p) in enumerate(named) if rank == 0 or p >= bar[label])
