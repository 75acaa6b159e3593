"""Rivals by name, and how one is trained."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lpt.baselines.baseline_trainer import Baseline, BaselineTrainer
from lpt.baselines.methods import (
    adapter,
    bitfit,
    combined,
    decoupled,
    full,
    lift,
    linear_probe,
    lora,
    multitask,
    norm,
    paco,
    pro_tuning,
    visual_prompt,
    vpt,
)
from lpt.baselines.settings import BaselineSettings
from lpt.config import automatic_batch
from lpt.config.old_names import BASELINE_SETTINGS, current_names
from lpt.config.sections import Section
from lpt.config.validation import validated
from lpt.devices import peak_memory, reset_peak_memory
from lpt.errors import ConfigError
from lpt.evaluation.tta import expansion, with_tta
from lpt.records import Output
from lpt.training.engine.stage import Stage
from lpt.training.run.training_context import TrainingContext

__all__ = [
    "Trained",
    "baseline_names",
    "baseline_settings",
    "baseline_stages",
    "train_baseline",
    "train_multitask",
]

_BASELINES: Mapping[str, Baseline] = {
    "linear-probe": linear_probe.BASELINE,
    "full": full.BASELINE,
    "norm": norm.BASELINE,
    "bitfit": bitfit.BASELINE,
    "vpt-shallow": vpt.SHALLOW,
    "vpt-deep": vpt.DEEP,
    "adapter": adapter.BASELINE,
    "lora": lora.BASELINE,
    "visual-prompt": visual_prompt.BASELINE,
    "pro-tuning": pro_tuning.BASELINE,
    "lpt-norm": combined.LPT_NORM,
    "lpt-adapter": combined.LPT_ADAPTER,
    "crt": decoupled.CRT,
    "tau-norm": decoupled.TAU_NORM,
    "paco": paco.BASELINE,
    "gcl": decoupled.GCL,
    "lift": lift.BASELINE,
    "multitask": multitask.BASELINE,
}


@dataclass(frozen=True)
class Trained:
    """What training a rival gives.

    Attributes:
        stage: the trained stage; `stage.predict` looks at an image once.
        parameters: learned numbers, classifier included.
        seconds: of training, resumed parts included.
        peak_memory: bytes held at most while training (`lpt.devices.peak_memory`).
        predict: images (B, 3, H, H) -> Output, over five crops if the settings ask for it.
    """

    stage: Stage
    parameters: int
    seconds: float
    peak_memory: int
    predict: Callable[[Tensor], Output]


def baseline_names() -> tuple[str, ...]:
    """The names that `train_baseline` knows."""
    return tuple(_BASELINES)


def baseline_settings(name: str, **changes: Any) -> BaselineSettings:
    """The rival's own defaults, rates and options written out, with changes.

    Args:
        changes: fields of `BaselineSettings`; `options` may name some of the rival's options only.
    Raises: ConfigError naming what is unknown and what is known, or a value out of range.
    """
    baseline = _baseline(name)
    changes = current_names(changes, BASELINE_SETTINGS)
    unknown = [field for field in changes if field not in BaselineSettings.__dataclass_fields__]
    if unknown:
        known = ", ".join(BaselineSettings.__dataclass_fields__)
        raise ConfigError(f"rival {name}: unknown setting '{unknown[0]}'. Known: {known}.")
    settings = BaselineSettings(**{**baseline.defaults, **changes})
    options = _options(name, baseline, settings).model_dump(mode="json")
    return replace(settings, options=options)


def baseline_stages(name: str, settings: BaselineSettings) -> tuple[int, ...]:
    """Epochs of each stage that a rival trains with these settings."""
    baseline = _baseline(name)
    return baseline.stages(settings.epochs, _options(name, baseline, settings))


def train_baseline(
    name: str,
    context: TrainingContext,
    settings: BaselineSettings | None = None,
    folder: Path | None = None,
) -> Trained:
    """Train a rival on a bench's training images.

    The bench's backbone stays as it is: what changes weights changes those of a copy.

    Args:
        settings: None for `baseline_settings(name)`.
        folder: keeps checkpoints of this very training and goes on from those it finds, to the
            same weights; None keeps none. Whoever gives it removes it.
    Raises: ConfigError if settings or options do not fit the rival or the backbone; TrainingError
        as `lpt.training.engine.loop.fit`; RunError for a checkpoint that is damaged or of another
        rival.
    """
    trainer = _trainer(name, context, settings or baseline_settings(name), folder)
    (trained,) = _trained(trainer, lambda: [_baseline(name).train(trainer)])
    return trained


def train_multitask(
    contexts: Sequence[TrainingContext], settings: BaselineSettings | None = None
) -> tuple[Trained, ...]:
    """Train one backbone on the training images of several benches.

    Args:
        benches: two or more, with the same backbone.
        settings: None for `baseline_settings("multitask")`; their option `other` is not read.
    Returns: for each bench what predicts its classes. Their seconds are those of all together.
    """
    settings = settings or baseline_settings("multitask")
    trainer = _trainer("multitask", multitask.join(contexts), settings)
    return tuple(_trained(trainer, lambda: multitask.train_jointly(trainer, contexts)))


def _trainer(
    name: str, context: TrainingContext, settings: BaselineSettings, folder: Path | None = None
) -> BaselineTrainer:
    """Checked against what the rival can do."""
    baseline = _baseline(name)
    if settings.lr is None:
        settings = replace(settings, lr=baseline.defaults["lr"])
    if not settings.batch_size:
        settings = replace(settings, batch_size=automatic_batch(len(context.train_split)))
    if settings.cached_views and not baseline.uses_cached_views:
        raise ConfigError(
            f"rival {name}: cached_views={settings.cached_views}, but it trains layers before "
            "the last features, so none can be cached. Set cached_views=0."
        )
    if baseline.has_own_loss and settings.loss != "ce":
        raise ConfigError(
            f"rival {name}: loss={settings.loss}, but it has a loss of its own. Set loss=ce; "
            "loss_options gives its scale."
        )
    mixup = context.config.augment.mixup
    if mixup and not baseline.blends:
        raise ConfigError(
            f"rival {name}: augment.mixup={mixup:g}, but its images belong to one class each. "
            "Set augment.mixup=0."
        )
    return BaselineTrainer(name, context, settings, _options(name, baseline, settings), folder)


def _trained(trainer: BaselineTrainer, train: Callable[[], Sequence[Stage]]) -> list[Trained]:
    device, before = trainer.context.accelerator.device, trainer.account
    torch.manual_seed(trainer.context.config.seed)
    reset_peak_memory(device)
    began = time.monotonic()
    stages = [stage.eval() for stage in train()]
    seconds = before.seconds + time.monotonic() - began
    peak = max(before.peak_memory, peak_memory(device))
    return [
        Trained(stage, trainer.parameters(stage), seconds, peak, _predictor(trainer, stage))
        for stage in stages
    ]


def _predictor(trainer: BaselineTrainer, stage: Stage) -> Callable[[Tensor], Output]:
    if not trainer.settings.tta:
        return stage.predict
    return with_tta(stage.predict, expansion(trainer.context.backbone.spec.patch_size))


def _baseline(name: str) -> Baseline:
    if name not in _BASELINES:
        raise ConfigError(f"rival '{name}': unknown. Choose one of: {', '.join(_BASELINES)}.")
    return _BASELINES[name]


def _options(name: str, baseline: Baseline, settings: BaselineSettings) -> Section:
    return validated(baseline.options, settings.options, f"rival {name}, option")
