"""How a cell is trained, whatever its method."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor

from lpt.baselines import train_baseline
from lpt.model.classifier import CosineClassifier
from lpt.records import Output
from lpt.studies.define.variants import JointTrainer, PlainQueryTrainer
from lpt.studies.plan.plan_runs import Cell
from lpt.training.phases.class_means import means_of
from lpt.training.run.run_folder import RunFolder
from lpt.training.run.training_context import TrainingContext
from lpt.training.trainer import Trainer

__all__ = ["Learned", "Start", "clean", "train_cell"]

_TRAINERS = {"lpt": Trainer, "joint": JointTrainer, "plain-query": PlainQueryTrainer}
_WITH_FILE = ("lpt", "joint")
"""Methods whose prompt file says what they learned."""

RUN, TASK = "run", "task.safetensors"


@dataclass(frozen=True)
class Learned:
    """What training gave.

    Attributes:
        predict: images (B, 3, H, H) -> Output.
        parameters: learned numbers, classifier included.
        seconds: of training, resumed parts included.
        peak_memory_bytes: held at most while training.
    """

    predict: Callable[[Tensor], Output]
    parameters: int
    seconds: float
    peak_memory_bytes: int


@dataclass(frozen=True)
class Start:
    """Phase 1, finished in a cell of its own.

    Attributes:
        task_file: its prompt file.
        seconds, peak_memory_bytes: what it took.
    """

    task_file: Path
    seconds: float
    peak_memory_bytes: int


def train_cell(cell: Cell, context: TrainingContext, folder: Path, start: Start | None) -> Learned:
    """Train a cell in its folder, from where a killed process left it.

    Args:
        start: phase 1 to go on from; None trains it too.
    Raises: TrainingError, ConfigError if it cannot be trained as it is; other LptErrors if
        something around it is wrong.
    """
    if cell.baseline is not None:
        own = train_baseline(cell.line.row.method, context, cell.baseline, folder / RUN)
        return Learned(own.predict, own.parameters, own.seconds, own.peak_memory)
    return (
        _plain(context) if cell.line.row.method == "plain" else _run(cell, context, folder, start)
    )


def clean(folder: Path) -> None:
    """Remove checkpoints and caches of a finished cell; a prompt file stays."""
    shutil.rmtree(folder / RUN, ignore_errors=True)


def _run(cell: Cell, context: TrainingContext, folder: Path, start: Start | None) -> Learned:
    run = RunFolder(folder / RUN)
    begun = run.config_file.is_file()
    try:
        if begun:
            context.update(run.open())
        trainer = _TRAINERS[cell.line.row.method](context, run)
        if begun:
            run.check_identity(trainer.identity())
        else:
            shutil.rmtree(run.path, ignore_errors=True)  # killed before it was a run
            run.create(trainer.config, trainer.identity())
        if start is not None:
            found = load_file(start.task_file)
            trainer.take_phase1(
                found["shared_prompts"],
                found["classifier"],
                seconds=start.seconds,
                peak_memory=start.peak_memory_bytes,
            )
        _, result = trainer.run()
        if cell.line.row.method in _WITH_FILE:
            shutil.copyfile(run.task_file, folder / TASK)
    finally:
        run.release()
    seconds, peak = result.seconds, result.peak_memory_bytes
    return Learned(trainer.model.predict, _parameters(trainer), seconds, peak)


def _parameters(trainer: Trainer) -> int:
    if trainer.config.phase2.epochs:
        return trainer.prompt_parameters + trainer.other_parameters
    model = trainer.model
    return model.shared.prompts.numel() + model.classifier.weight.numel()


def _plain(context: TrainingContext) -> Learned:
    """The nearest class mean of the plain backbone: nothing is trained."""
    means = means_of(context, context.backbone, "class means")
    classifier = CosineClassifier(context.data.num_classes, context.backbone.width).eval()
    classifier.start_at(means)
    classifier.to(context.accelerator.device)

    def predict(images: Tensor) -> Output:
        feature = context.backbone(images)
        return Output(classifier(feature), feature, feature)

    return Learned(predict, 0, 0.0, 0)
