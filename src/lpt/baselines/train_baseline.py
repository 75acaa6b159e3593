"""Train a baseline by name."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from lpt.baselines.baseline_trainer import BaselineTrainer
from lpt.baselines.methods import multitask
from lpt.baselines.named_baselines import BASELINES, baseline_options, baseline_settings
from lpt.config import automatic_batch
from lpt.config.baseline_settings import BaselineSettings
from lpt.errors import ConfigError
from lpt.evaluation.tta import expansion, with_tta
from lpt.machine.devices import peak_memory, reset_peak_memory
from lpt.records import Output
from lpt.training.engine.stage import Stage
from lpt.training.run.training_context import TrainingContext

__all__ = ["TrainedBaseline", "train_baseline", "train_multitask"]


@dataclass(frozen=True)
class TrainedBaseline:
    """A trained baseline, and what its training took.

    Attributes:
        stage: the trained stage, in evaluation mode; `stage.predict` is without test-time
            augmentation.
        parameters: number of parameters that were trained, classifier included.
        seconds: of training, resumed parts included.
        peak_memory: peak memory of training in bytes (`lpt.machine.devices.peak_memory`).
        predict: images (B, 3, H, H) -> `lpt.records.Output`, with test-time augmentation if the
            settings ask for it.
    """

    stage: Stage
    parameters: int
    seconds: float
    peak_memory: int
    predict: Callable[[Tensor], Output]


def train_baseline(
    name: str,
    context: TrainingContext,
    settings: BaselineSettings | None = None,
    folder: Path | None = None,
) -> TrainedBaseline:
    """Train a baseline on the training images of a context.

    The backbone of the context is not modified: baselines that tune weights tune those of a copy.

    Args:
        settings: None for `baseline_settings(name)`.
        folder: for checkpoints. A training that was interrupted resumes from them, with
            bit-identical final weights. None saves none. The caller removes the folder.
    Raises: ConfigError if settings or options do not fit the baseline or the backbone;
        TrainingError as `lpt.training.engine.loop.fit`; RunError for a checkpoint that is damaged
        or belongs to another baseline.
    """
    trainer = _trainer(name, context, settings or baseline_settings(name), folder)
    (trained,) = _trained(trainer, lambda: [BASELINES[name].train(trainer)])
    return trained


def train_multitask(
    contexts: Sequence[TrainingContext], settings: BaselineSettings | None = None
) -> tuple[TrainedBaseline, ...]:
    """Train one backbone on the training images of several contexts.

    Args:
        contexts: two or more, with the same backbone.
        settings: None for `baseline_settings("multitask")`; the option `other` is not read.
    Returns: a model for the classes of each context. `seconds` are those of the joint training.
    Raises: as `train_baseline`.
    """
    settings = settings or baseline_settings("multitask")
    trainer = _trainer("multitask", multitask.joined_context(contexts), settings)
    return tuple(_trained(trainer, lambda: multitask.train_jointly(trainer, contexts)))


def _trainer(
    name: str, context: TrainingContext, settings: BaselineSettings, folder: Path | None = None
) -> BaselineTrainer:
    """Check that the baseline supports the settings, and fill in those left open."""
    baseline = BASELINES[name]
    if settings.lr is None:
        settings = settings.changed({"lr": baseline.defaults["lr"]})
    if not settings.batch_size:
        settings = settings.changed({"batch_size": automatic_batch(len(context.train_split))})
    if settings.cached_views and not baseline.uses_cached_views:
        raise ConfigError(
            f"baseline {name}: cached_views={settings.cached_views}, but it trains layers before "
            "the last features, so none can be cached. Set cached_views=0."
        )
    if baseline.has_own_loss and settings.loss != "ce":
        raise ConfigError(
            f"baseline {name}: loss={settings.loss}, but it has its own loss. Set loss=ce; "
            "loss_options sets its scale."
        )
    mixup = context.config.augment.mixup
    if mixup and not baseline.allows_mixup:
        raise ConfigError(
            f"baseline {name}: augment.mixup={mixup:g}, but each of its images must belong to one "
            "class. Set augment.mixup=0."
        )
    return BaselineTrainer(name, context, settings, baseline_options(name, settings), folder)


def _trained(
    trainer: BaselineTrainer, train: Callable[[], Sequence[Stage]]
) -> list[TrainedBaseline]:
    device, usage = trainer.context.accelerator.device, trainer.usage
    reset_peak_memory(device)
    began = time.monotonic()
    with trainer.draws:
        stages = [stage.eval() for stage in train()]
    seconds = usage.seconds + time.monotonic() - began
    peak = max(usage.peak_memory, peak_memory(device))
    return [
        TrainedBaseline(
            stage, trainer.trained_parameters(stage), seconds, peak, _predictor(trainer, stage)
        )
        for stage in stages
    ]


def _predictor(trainer: BaselineTrainer, stage: Stage) -> Callable[[Tensor], Output]:
    if not trainer.settings.tta:
        return stage.predict
    return with_tta(stage.predict, expansion(trainer.context.backbone.spec.patch_size))
