"""Settings of lpt 0.1 under their current names."""

from collections.abc import Mapping
from typing import Any

from lpt.deprecation import warn_renamed
from lpt.errors import ConfigError

__all__ = ["BASELINE_SETTINGS", "RUN_SETTINGS", "current_names"]

_PHASE = {
    "batch": "batch_size",
    "dual_order": "dual_sampler",
    "optim.rate": "optim.lr",
    "optim.classifier_rate": "optim.classifier_lr",
    "optim.key_rate": "optim.key_lr",
    "optim.scale_with_batch": "optim.scale_lr",
}

RUN_SETTINGS: Mapping[str, str] = {
    **{f"{p}.{old}": f"{p}.{new}" for p in ("phase1", "phase2") for old, new in _PHASE.items()},
    "prompts.top": "prompts.top_k",
    "classifier.mean_share": "classifier.mean_weight",
}
"""Settings of a run (`lpt.config.RunConfig`): old dotted name to new."""

BASELINE_SETTINGS: Mapping[str, str] = {
    "rate": "lr",
    "classifier_rate": "classifier_lr",
    "batch": "batch_size",
    "mean_share": "mean_weight",
    "views": "cached_views",
    "ensemble": "tta",
    "options.learn_scale": "options.train_scale",
}
"""Settings of a baseline (`lpt.baselines.BaselineSettings`): old dotted name to new."""


def current_names(
    settings: Mapping[str, Any], renamed: Mapping[str, str] = RUN_SETTINGS, *, warn: bool = True
) -> dict[str, Any]:
    """Rename settings that have an old name, at any depth.

    Args:
        settings: dotted names, nested mappings, or a mixture of both.
        renamed: old dotted name to new; only the last part of a name may differ.
        warn: whether an old name gives a `RenamedWarning`.
    Raises: ConfigError if a setting is given under both names.
    """
    return _renamed(settings, "", renamed, warn)


def _renamed(
    settings: Mapping[str, Any], prefix: str, renamed: Mapping[str, str], warn: bool
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in settings.items():
        path = f"{prefix}{name}"
        now = renamed.get(path, path)
        if now != path:
            if now.removeprefix(prefix) in settings:
                raise ConfigError(f"setting {path}: {now} is its new name. Keep only {now}.")
            if warn:
                warn_renamed(f"setting {path}", now)
        nested = isinstance(value, Mapping)
        key = now.removeprefix(prefix)
        found[key] = _renamed(value, f"{now}.", renamed, warn) if nested else value
    return found
