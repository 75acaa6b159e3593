"""The end of a run: scores, what is measured on validation images, and the task file."""

from collections.abc import Callable, Mapping
from functools import partial

from torch import Tensor

from lpt.model.two_pass import LongTailedPromptModel
from lpt.records import Output, Predictions
from lpt.task.run_result import Summary
from lpt.task_file import save_task
from lpt.task_records import EarlyRecord
from lpt.task_spec import TaskSpec
from lpt.training.processes.shared_evaluation import shared_predictions
from lpt.training.run.run_folder import RunFolder
from lpt.training.run.task_calibration import TaskCalibration
from lpt.training.run.task_metadata import task_metadata
from lpt.training.run.training_context import TrainingContext

__all__ = ["score_phase", "write_task"]


def score_phase(
    context: TrainingContext, predict: Callable[[Tensor], Output], phase: str
) -> tuple[dict[str, Summary], TaskCalibration]:
    """Score a model on validation and test images, in float32.

    Args:
        predict: runs the model with the final weights of the phase.
        phase: its name, for progress reports.
    Returns: summaries by split, the same in all processes; and in process 0 the calibration.
    """
    summaries, calibration = dict[str, Summary](), TaskCalibration()
    for name, split in context.evaluation_splits.items():
        found = shared_predictions(context, predict, split, f"{phase} on {name}", exact=True)
        summaries[name] = context.group.decided(partial(_summary, context, found))
        if name == "val" and found is not None:
            calibration = TaskCalibration.on(found, context)
    return summaries, calibration


def write_task(
    folder: RunFolder,
    context: TrainingContext,
    model: LongTailedPromptModel,
    *,
    calibration: TaskCalibration,
    metrics: Mapping[str, Mapping[str, Summary]],
    early: EarlyRecord | None,
) -> tuple[TaskSpec, int]:
    """Write the task file of a run in process 0 (arguments of `task_metadata`).

    Returns: its metadata and its size in bytes, in all processes.
    """
    made: list[TaskSpec] = []

    def write() -> tuple[str, int]:
        spec = task_metadata(
            folder.path.resolve().name,
            context,
            model,
            calibration=calibration,
            metrics=metrics,
            early=early,
        )
        made.append(spec)
        return spec.model_dump_json(), save_task(folder.intact().task_file, model, spec)

    text, size = context.group.decided(write)
    return made[0] if made else TaskSpec.model_validate_json(text), size


def _summary(context: TrainingContext, found: Predictions | None) -> Summary:
    assert found is not None  # process 0 has them
    return context.score(found).summary()
