"""The scores of a finished phase, and what is measured on validation images for the task file."""

from functools import partial

from lpt.model.two_pass import LongTailedPromptModel
from lpt.records import Predictions
from lpt.task.run_result import Summary
from lpt.training.processes.shared_evaluation import shared_predictions
from lpt.training.run.task_calibration import TaskCalibration
from lpt.training.run.training_context import TrainingContext

__all__ = ["score_phase"]


def score_phase(
    context: TrainingContext, model: LongTailedPromptModel, phase: str
) -> tuple[dict[str, Summary], TaskCalibration]:
    """Score a model on validation and test images, in float32.

    Args:
        model: with the final weights of the phase.
        phase: its name, for progress reports.
    Returns: summaries by split, the same in all processes; and in process 0 the calibration.
    """
    summaries, calibration = dict[str, Summary](), TaskCalibration()
    for name, split in context.evaluation_splits.items():
        found = shared_predictions(context, model.predict, split, f"{phase} on {name}", exact=True)
        summaries[name] = context.group.decided(partial(_summary, context, found))
        if name == "val" and found is not None:
            calibration = TaskCalibration.on(found, context)
    return summaries, calibration


def _summary(context: TrainingContext, found: Predictions | None) -> Summary:
    assert found is not None  # process 0 has them
    return context.score(found).summary()
