"""How a cell is trained, whatever its method."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor

from lpt.baselines import train_rival
from lpt.model.classifier import CosineClassifier
from lpt.records import Output
from lpt.studies.define.variants import JointSession, PlainQuerySession
from lpt.studies.plan.plan_runs import Cell
from lpt.training.phases.class_means import means_of
from lpt.training.run.context import Workbench
from lpt.training.run.run_folder import RunFolder
from lpt.training.trainer import Session

__all__ = ["Learned", "Start", "clean", "train_cell"]

_SESSIONS = {"lpt": Session, "joint": JointSession, "plain-query": PlainQuerySession}
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


def train_cell(cell: Cell, bench: Workbench, folder: Path, start: Start | None) -> Learned:
    """Train a cell in its folder, from where a killed process left it.

    Args:
        start: phase 1 to go on from; None trains it too.
    Raises: TrainingError, ConfigError if it cannot be trained as it is; other LptErrors if
        something around it is wrong.
    """
    if cell.rival is not None:
        own = train_rival(cell.line.row.method, bench, cell.rival, folder / RUN)
        return Learned(own.predict, own.parameters, own.seconds, own.peak_memory)
    return _plain(bench) if cell.line.row.method == "plain" else _run(cell, bench, folder, start)


def clean(folder: Path) -> None:
    """Remove checkpoints and caches of a finished cell; a prompt file stays."""
    shutil.rmtree(folder / RUN, ignore_errors=True)


def _run(cell: Cell, bench: Workbench, folder: Path, start: Start | None) -> Learned:
    run = RunFolder(folder / RUN)
    begun = run.config_file.is_file()
    try:
        if begun:
            bench.config = run.open()
        session = _SESSIONS[cell.line.row.method](bench, run)
        if begun:
            run.check_identity(session.identity())
        else:
            shutil.rmtree(run.path, ignore_errors=True)  # killed before it was a run
            run.create(session.config, session.identity())
        if start is not None:
            found = load_file(start.task_file)
            session.take_phase1(
                found["shared_prompts"],
                found["classifier"],
                seconds=start.seconds,
                peak_memory=start.peak_memory_bytes,
            )
        _, result = session.run()
        if cell.line.row.method in _WITH_FILE:
            shutil.copyfile(run.task_file, folder / TASK)
    finally:
        run.release()
    seconds, peak = result.seconds, result.peak_memory_bytes
    return Learned(session.model.predict, _parameters(session), seconds, peak)


def _parameters(session: Session) -> int:
    if session.config.phase2.epochs:
        return session.prompt_parameters + session.other_parameters
    model = session.model
    return model.shared.prompts.numel() + model.classifier.weight.numel()


def _plain(bench: Workbench) -> Learned:
    """The nearest class mean of the plain backbone: nothing is trained."""
    means = means_of(bench, bench.backbone, "class means")
    classifier = CosineClassifier(bench.data.num_classes, bench.backbone.width).eval()
    classifier.start_from(means)
    classifier.to(bench.accelerator.device)

    def predict(images: Tensor) -> Output:
        feature = bench.backbone(images)
        return Output(classifier(feature), feature, feature)

    return Learned(predict, 0, 0.0, 0)
