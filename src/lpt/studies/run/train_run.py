"""Train a run of a study, whatever its method."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from lpt.baselines import EncoderStage, TrainedBaseline, train_baseline
from lpt.baselines.encoder import Fixed
from lpt.errors import RunError
from lpt.files.tensor_files import TensorFile
from lpt.model.classifier import CosineClassifier
from lpt.studies.define.variants import JointTrainer, PlainQueryTrainer
from lpt.studies.plan.plan_runs import StudyRun
from lpt.task_file import LIMITS
from lpt.training.phases.class_means import means_of
from lpt.training.run.run_folder import RunFolder
from lpt.training.run.training_context import TrainingContext
from lpt.training.trainer import Trainer

__all__ = ["TASK", "Start", "remove_checkpoints", "train_run"]

_TRAINERS = {"lpt": Trainer, "joint": JointTrainer, "plain-query": PlainQueryTrainer}
_WITH_FILE = ("lpt", "joint")
"""Methods whose task file holds everything that they trained."""

RUN, TASK = "run", "task.safetensors"


@dataclass(frozen=True)
class Start:
    """Phase 1, finished in a separate run.

    Attributes:
        task_file: its task file.
        seconds, peak_memory_bytes: its cost.
    """

    task_file: Path
    seconds: float
    peak_memory_bytes: int


def train_run(
    run: StudyRun, context: TrainingContext, folder: Path, start: Start | None
) -> TrainedBaseline:
    """Train a run in its folder, or resume it there.

    Args:
        start: phase 1 to continue from; None trains it too.
    Raises: TrainingError, ConfigError if this run cannot be trained; other LptErrors for faults
        outside the run.
    """
    method = run.line.row.method
    if run.baseline is not None:
        return train_baseline(method, context, run.baseline, folder / RUN)
    return _plain(context) if method == "plain" else _train(run, context, folder, start)


def remove_checkpoints(folder: Path) -> None:
    """Remove checkpoints and caches of a finished run; its task file stays."""
    shutil.rmtree(folder / RUN, ignore_errors=True)


def _train(
    run: StudyRun, context: TrainingContext, folder: Path, start: Start | None
) -> TrainedBaseline:
    run_folder = RunFolder(folder / RUN)
    begun = run_folder.config_file.is_file()
    try:
        if begun:
            context.update(run_folder.open())
        trainer = _TRAINERS[run.line.row.method](context, run_folder)
        if begun:
            run_folder.check_identity(trainer.identity())
        else:
            shutil.rmtree(run_folder.path, ignore_errors=True)  # killed before it was complete
            run_folder.create(trainer.config, trainer.identity())
        if start is not None:
            with TensorFile(start.task_file, LIMITS, RunError) as file:
                found = file.read_all()
            trainer.take_phase1(
                found,
                seconds=start.seconds,
                peak_memory=start.peak_memory_bytes,
            )
        _, result = trainer.run()
        if run.line.row.method in _WITH_FILE:
            shutil.copyfile(run_folder.task_file, folder / TASK)
    finally:
        run_folder.release()
    stage = trainer.stage([p for p in trainer.phases if p.is_trained(trainer.config)][-1])
    return TrainedBaseline(
        stage,
        result.parameters,
        result.seconds,
        result.peak_memory_bytes,
        trainer.model.predict,
    )


def _plain(context: TrainingContext) -> TrainedBaseline:
    """The nearest class mean of the plain backbone: nothing is trained."""
    classifier = CosineClassifier(context.data.num_classes, context.backbone.feature_width)
    classifier.start_at(means_of(context, context.backbone, "class means"))
    stage = EncoderStage("plain", Fixed(context.backbone), classifier, [])
    stage.to(context.accelerator.device).eval()
    return TrainedBaseline(stage, 0, 0.0, 0, stage.predict)
