"""The options of `lpt predict` that turn probabilities into decisions: sets, and what is unsure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from lpt.cli.predictions.prediction_rows import PredictionRow
from lpt.cli.printing import say_note
from lpt.errors import ParameterError

if TYPE_CHECKING:
    from lpt.task import Prediction, Task

__all__ = ["DecisionRequest", "MakeRow", "SetsBy", "plain_row"]

MakeRow = Callable[[str, "Prediction"], PredictionRow]
"""Path of an image and its prediction -> its row."""


class SetsBy(StrEnum):
    """What the coverage of sets is promised for."""

    ALL = "all"
    GROUP = "group"


def plain_row(threshold: float | None) -> MakeRow:
    """Return a function that marks predictions below one threshold as unsure."""

    def make(path: str, prediction: "Prediction") -> PredictionRow:
        unsure = None if threshold is None else prediction.probabilities[0] < threshold
        return PredictionRow(path, prediction, unsure=unsure)

    return make


@dataclass(frozen=True)
class DecisionRequest:
    """The decisions that were asked for.

    Attributes:
        top: classes of a row.
        sets: wanted coverage of sets of labels; None for no sets.
        by: what it is promised for.
        precision, keep: of thresholds by group; None for none.
    """

    top: int
    sets: float | None = None
    by: SetsBy = SetsBy.ALL
    precision: float | None = None
    keep: float | None = None

    @classmethod
    def of_options(
        cls,
        top: int,
        sets: float | None,
        by: SetsBy | None,
        precision: float | None,
        keep: float | None,
        others: Mapping[str, object],
    ) -> "DecisionRequest | None":
        """Return the request; None if nothing of it was asked for.

        Args:
            others: options that do not go together with thresholds, by name.
        Raises: ParameterError for options that do not fit together.
        """
        if by is not None and sets is None:
            raise ParameterError("`sets_by`: needs `sets`, the wanted coverage such as 0.9.")
        given = {"precision": precision, "keep": keep}
        chosen = [name for name, value in given.items() if value is not None]
        clash = [name for name in ("threshold", "accuracy") if others.get(name) is not None]
        if len(chosen) == 2 or (chosen and clash):
            first, second = (*chosen, *clash)[:2]
            raise ParameterError(f"`{first}`, `{second}`: give one of them.")
        if sets is None and not chosen:
            return None
        if others.get("prior") is not None:
            name = chosen[0] if sets is None else "sets"
            raise ParameterError(
                f"`{name}`: its scores were measured without `prior`. Leave one of them out."
            )
        return cls(top, sets, by or SetsBy.ALL, precision, keep)

    def classes(self, task: "Task") -> int:
        """Number of classes that a prediction must hold: all of them for sets."""
        return len(task.class_names) if self.sets is not None else self.top

    def identity(self) -> dict[str, str | float | None]:
        """What decides the rows, to continue a file."""
        by = None if self.sets is None else self.by.value
        return {
            "--sets": self.sets,
            "--sets-by": by,
            "--precision": self.precision,
            "--keep": self.keep,
        }

    def rule(self, task: "Task") -> MakeRow:
        """Return the function that makes rows, and report what it rests on.

        Raises: ConfigError if the task stores no scores.
        """
        from lpt.task.decisions.group_thresholds import GroupThresholds
        from lpt.task.decisions.label_sets import LabelSets

        found = thresholds = None
        if self.sets is not None:
            found = LabelSets.of(task.spec, self.sets, by_group=self.by is SetsBy.GROUP)
            for note in found.notes:
                say_note(f"sets      {note}")
        if self.precision is not None or self.keep is not None:
            thresholds = GroupThresholds.of(task.spec, precision=self.precision, keep=self.keep)
            for line in thresholds.lines():
                say_note(f"threshold {line}")

        def make(path: str, prediction: "Prediction") -> PredictionRow:
            shown = replace(
                prediction,
                labels=prediction.labels[: self.top],
                probabilities=prediction.probabilities[: self.top],
            )
            return PredictionRow(
                path,
                shown,
                unsure=None if thresholds is None else thresholds.unsure(prediction),
                members=None if found is None else found.members(prediction),
            )

        return make
