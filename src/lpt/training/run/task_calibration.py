"""What the validation images of a run say about the probabilities of its task."""

from dataclasses import dataclass, field

from scipy.special import softmax

from lpt.evaluation import fit_temperature
from lpt.evaluation.priors import fit_prior_power
from lpt.records import Predictions
from lpt.task.decisions.validation_scores import validation_scores
from lpt.task_records import GroupScores, ShotGroup
from lpt.task_spec import TaskSpec
from lpt.training.run.training_context import TrainingContext

__all__ = ["TaskCalibration"]

DEFAULT_TEMPERATURE: float = TaskSpec.model_fields["temperature"].default
"""Softmax temperature of a task without validation images."""


@dataclass(frozen=True)
class TaskCalibration:
    """Fields of `TaskSpec` that are measured on validation images; the defaults without any.

    Attributes:
        temperature: from `lpt.evaluation.fit_temperature`.
        prior_power: from `lpt.evaluation.priors.fit_prior_power`.
        validation: from `lpt.task.decisions.validation_scores`.
    """

    temperature: float = DEFAULT_TEMPERATURE
    prior_power: float | None = None
    validation: dict[ShotGroup, GroupScores] = field(default_factory=dict)

    @classmethod
    def on(cls, found: Predictions, context: TrainingContext) -> "TaskCalibration":
        """Measure on predictions of validation images."""
        counts = context.counts.tolist()
        temperature = fit_temperature(found.logits, found.labels, DEFAULT_TEMPERATURE)
        probabilities = softmax(found.logits / temperature, axis=1)
        return cls(
            temperature,
            fit_prior_power(probabilities, found.labels, counts),
            validation_scores(probabilities, found.labels, counts, context.groups),
        )
