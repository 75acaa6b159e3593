"""Rivals of long-tailed prompt tuning, each a small stage against the same loop."""

from lpt.baselines.settings import BaselineSettings
from lpt.baselines.train_baseline import (
    Trained,
    baseline_names,
    baseline_settings,
    baseline_stages,
    train_baseline,
    train_multitask,
)

__all__ = [
    "BaselineSettings",
    "Trained",
    "baseline_names",
    "baseline_settings",
    "baseline_stages",
    "train_baseline",
    "train_multitask",
]
