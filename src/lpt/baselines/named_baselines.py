"""Baselines by name, and their settings."""

from typing import Any

from lpt.baselines.baseline import Baseline
from lpt.baselines.methods import (
    adapter,
    bitfit,
    combined,
    full,
    linear_probe,
    lora,
    multitask,
    norm,
    pro_tuning,
    visual_prompt,
    vpt,
)
from lpt.baselines.methods.long_tailed import decoupled, lift, paco, ride
from lpt.config.baseline_settings import BaselineSettings
from lpt.config.section import Section
from lpt.config.validation import validated
from lpt.errors import ConfigError
from lpt.losses import check_loss
from lpt.registry import Registry, check_name

__all__ = [
    "BASELINES",
    "baseline_names",
    "baseline_options",
    "baseline_reads",
    "baseline_settings",
    "baseline_stages",
    "register_baseline",
]

BASELINES: Registry[Baseline] = Registry(
    "baseline",
    {
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
        "ride": ride.BASELINE,
        "multitask": multitask.BASELINE,
    },
)
"""All baselines: those of `lpt` and those that were registered."""


def register_baseline(name: str, baseline: Baseline, *, replace: bool = False) -> None:
    """Make a baseline available by name to `train_baseline` and to the rows of studies.

    Args:
        name: name in settings, studies and tables.
        baseline: its description, such as `Baseline.of_encoder` returns.
        replace: whether a registered baseline of that name may be replaced; a built-in one never.
    Raises: ConfigError if the name is taken, or if the description is incomplete or its defaults
        are out of range.

    >>> from lpt.baselines import Baseline, TunedViT
    >>> def last_norm(vit):
    ...     return vit.blocks[-1].norm2.parameters()
    >>> baseline = Baseline.of_encoder(lambda vit, _: TunedViT(vit, last_norm), {"lr": 1e-3})
    >>> register_baseline("last-norm", baseline)
    >>> baseline_settings("last-norm", epochs=5).lr
    0.001
    >>> BASELINES.unregister("last-norm")
    """
    check_name("baseline", name)
    baseline.check(name)
    _settings(name, baseline, {})
    BASELINES.register(name, baseline, replace=replace)


def baseline_names() -> tuple[str, ...]:
    """Names that `train_baseline` knows."""
    return tuple(BASELINES)


def baseline_settings(name: str, **changes: Any) -> BaselineSettings:
    """Return a baseline's default settings with changes; all its options are written out.

    Args:
        changes: fields of `BaselineSettings`; `options` may name some of the options only. Names
            of lpt 0.1 are accepted with a `RenamedWarning`.
    Raises: ConfigError naming an unknown baseline, setting or option with the known ones, or a
        value out of range.

    >>> baseline_settings("lora", epochs=5, options={"rank": 2}).options
    {'rank': 2, 'alpha': 8.0, 'targets': 'qv'}
    """
    return _settings(name, BASELINES[name], changes)


def baseline_options(name: str, settings: BaselineSettings) -> Section:
    """The checked options of a baseline. Raises: ConfigError as `baseline_settings`."""
    return validated(BASELINES[name].options, settings.options, f"baseline {name}: option")


def baseline_stages(name: str, settings: BaselineSettings) -> tuple[int, ...]:
    """Epochs of each stage that a baseline trains with these settings."""
    return BASELINES[name].stage_epochs(settings.epochs, baseline_options(name, settings))


def baseline_reads(name: str) -> tuple[str, ...]:
    """Settings and sections of `lpt.config.RunConfig` that decide the result of a baseline.

    They decide the trained weights and predictions. The bounds of shot groups, which only decide
    how predictions are scored, are not among them.

    >>> "phase1.optim" in baseline_reads("lpt-norm"), "phase1.optim" in baseline_reads("norm")
    (True, False)
    """
    return BASELINES[name].reads


def _settings(name: str, baseline: Baseline, changes: dict[str, Any]) -> BaselineSettings:
    origin = f"baseline {name}:"
    settings = BaselineSettings().changed(baseline.defaults, origin).changed(changes, origin)
    options = validated(baseline.options, settings.options, f"{origin} option")
    try:
        check_loss(settings.loss, settings.loss_options)
    except ConfigError as error:
        raise ConfigError(f"{origin} {error}") from error
    return settings.model_copy(update={"options": options.model_dump(mode="json")})
