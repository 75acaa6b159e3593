"""The metadata of the task file that a run writes."""

from collections.abc import Mapping

from lpt.escape import printable
from lpt.model.two_pass import LongTailedPromptModel
from lpt.task.run_result import Summary
from lpt.task_file import BackboneRecord, TaskSpec
from lpt.task_records import EarlyRecord
from lpt.training.run.task_calibration import TaskCalibration
from lpt.training.run.training_context import TrainingContext

__all__ = ["task_metadata"]


def task_metadata(
    name: str,
    context: TrainingContext,
    model: LongTailedPromptModel,
    *,
    calibration: TaskCalibration,
    metrics: Mapping[str, Mapping[str, Summary]],
    early: EarlyRecord | None = None,
) -> TaskSpec:
    """Collect the metadata of a trained task.

    Args:
        name: name of the task.
        model: its `phases` says whether the task has group prompts.
        calibration: measured on validation images.
        metrics: by phase and split, as in `Result.metrics`.
        early: of the map of early matching, if the task has one.
    """
    backbone, shape = context.backbone.spec, model.shape
    record = {field: getattr(backbone, field) for field in BackboneRecord.model_fields}
    return TaskSpec(
        name=printable(name),
        class_names=tuple(context.data.class_names),
        class_counts=tuple(context.counts.tolist()),
        backbone=BackboneRecord(**record),
        shared_blocks=model.split,
        prompt_length=shape.length,
        pool_size=shape.pool_size,
        top_k=shape.top_k,
        adapter_width=model.adapter_width,
        phases=2 if model.phases == 2 else 1,
        classifier_passes="both" if model.phases == 2 and model.reads_both else "second",
        resize_rule=context.config.augment.resize_rule,
        resize=context.resize,
        many_above=context.groups.many_above,
        few_below=context.groups.few_below,
        temperature=calibration.temperature,
        prior_power=calibration.prior_power,
        validation=calibration.validation,
        history=context.history,
        match="exact" if early is None else context.config.prompts.match,
        early=early,
        metrics={
            phase: {split: dict(summary) for split, summary in scores.items()}
            for phase, scores in metrics.items()
        },
    )
