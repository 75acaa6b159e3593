"""Rivals by name, and how one is trained."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lpt.baselines.baseline_config import RivalSettings
from lpt.baselines.baseline_trainer import Rival, Trial
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
from lpt.config import automatic_batch
from lpt.config.sections import Section
from lpt.config.validation import validated
from lpt.devices import peak_memory, reset_peak_memory
from lpt.errors import ConfigError
from lpt.evaluation.tta import ensembled, expansion
from lpt.records import Output
from lpt.training.engine.stage import Stage
from lpt.training.run.context import Workbench

__all__ = [
    "Trained",
    "rival_names",
    "rival_settings",
    "rival_stages",
    "train_multitask",
    "train_rival",
]

_RIVALS: Mapping[str, Rival] = {
    "linear-probe": linear_probe.RIVAL,
    "full": full.RIVAL,
    "norm": norm.RIVAL,
    "bitfit": bitfit.RIVAL,
    "vpt-shallow": vpt.SHALLOW,
    "vpt-deep": vpt.DEEP,
    "adapter": adapter.RIVAL,
    "lora": lora.RIVAL,
    "visual-prompt": visual_prompt.RIVAL,
    "pro-tuning": pro_tuning.RIVAL,
    "lpt-norm": combined.LPT_NORM,
    "lpt-adapter": combined.LPT_ADAPTER,
    "crt": decoupled.CRT,
    "tau-norm": decoupled.TAU_NORM,
    "paco": paco.RIVAL,
    "gcl": decoupled.GCL,
    "lift": lift.RIVAL,
    "multitask": multitask.RIVAL,
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


def rival_names() -> tuple[str, ...]:
    """The names that `train_rival` knows."""
    return tuple(_RIVALS)


def rival_settings(name: str, **changes: Any) -> RivalSettings:
    """The rival's own defaults, rates and options written out, with changes.

    Args:
        changes: fields of `RivalSettings`; `options` may name some of the rival's options only.
    Raises: ConfigError naming what is unknown and what is known, or a value out of range.
    """
    rival = _rival(name)
    unknown = [field for field in changes if field not in RivalSettings.__dataclass_fields__]
    if unknown:
        known = ", ".join(RivalSettings.__dataclass_fields__)
        raise ConfigError(f"rival {name}: unknown setting '{unknown[0]}'. Known: {known}.")
    settings = RivalSettings(**{**rival.defaults, **changes})
    options = _options(name, rival, settings).model_dump(mode="json")
    return replace(settings, options=options)


def rival_stages(name: str, settings: RivalSettings) -> tuple[int, ...]:
    """Epochs of each stage that a rival trains with these settings."""
    rival = _rival(name)
    return rival.stages(settings.epochs, _options(name, rival, settings))


def train_rival(
    name: str,
    bench: Workbench,
    settings: RivalSettings | None = None,
    folder: Path | None = None,
) -> Trained:
    """Train a rival on a bench's training images.

    The bench's backbone stays as it is: what changes weights changes those of a copy.

    Args:
        settings: None for `rival_settings(name)`.
        folder: keeps checkpoints of this very training and goes on from those it finds, to the
            same weights; None keeps none. Whoever gives it removes it.
    Raises: ConfigError if settings or options do not fit the rival or the backbone; TrainingError
        as `lpt.training.engine.loop.fit`; RunError for a checkpoint that is damaged or of another
        rival.
    """
    trial = _trial(name, bench, settings or rival_settings(name), folder)
    (trained,) = _trained(trial, lambda: [_rival(name).train(trial)])
    return trained


def train_multitask(
    benches: Sequence[Workbench], settings: RivalSettings | None = None
) -> tuple[Trained, ...]:
    """Train one backbone on the training images of several benches.

    Args:
        benches: two or more, with the same backbone.
        settings: None for `rival_settings("multitask")`; their option `other` is not read.
    Returns: for each bench what predicts its classes. Their seconds are those of all together.
    """
    settings = settings or rival_settings("multitask")
    trial = _trial("multitask", multitask.join(benches), settings)
    return tuple(_trained(trial, lambda: multitask.train_jointly(trial, benches)))


def _trial(
    name: str, bench: Workbench, settings: RivalSettings, folder: Path | None = None
) -> Trial:
    """Checked against what the rival can do."""
    rival = _rival(name)
    if settings.rate is None:
        settings = replace(settings, rate=rival.defaults["rate"])
    if not settings.batch:
        settings = replace(settings, batch=automatic_batch(len(bench.train_split)))
    if settings.views and not rival.has_views:
        raise ConfigError(
            f"rival {name}: views={settings.views}, but it learns before the last features, so "
            "none can be kept. Set views=0."
        )
    if rival.own_loss and settings.loss != "ce":
        raise ConfigError(
            f"rival {name}: loss={settings.loss}, but it has a loss of its own. Set loss=ce; "
            "loss_options gives its scale."
        )
    mixup = bench.config.augment.mixup
    if mixup and not rival.blends:
        raise ConfigError(
            f"rival {name}: augment.mixup={mixup:g}, but its images belong to one class each. "
            "Set augment.mixup=0."
        )
    return Trial(name, bench, settings, _options(name, rival, settings), folder)


def _trained(trial: Trial, train: Callable[[], Sequence[Stage]]) -> list[Trained]:
    device, before = trial.bench.accelerator.device, trial.account
    torch.manual_seed(trial.bench.config.seed)
    reset_peak_memory(device)
    began = time.monotonic()
    stages = [stage.eval() for stage in train()]
    seconds = before.seconds + time.monotonic() - began
    peak = max(before.peak_memory, peak_memory(device))
    return [
        Trained(stage, trial.parameters(stage), seconds, peak, _predictor(trial, stage))
        for stage in stages
    ]


def _predictor(trial: Trial, stage: Stage) -> Callable[[Tensor], Output]:
    if not trial.settings.ensemble:
        return stage.predict
    return ensembled(stage.predict, expansion(trial.bench.backbone.spec.patch_size))


def _rival(name: str) -> Rival:
    if name not in _RIVALS:
        raise ConfigError(f"rival '{name}': unknown. Choose one of: {', '.join(_RIVALS)}.")
    return _RIVALS[name]


def _options(name: str, rival: Rival, settings: RivalSettings) -> Section:
    return validated(rival.options, settings.options, f"rival {name}, option")
