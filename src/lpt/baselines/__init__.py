"""Rivals of long-tailed prompt tuning, each a small stage against the same loop."""

from lpt.baselines.baseline_config import RivalSettings
from lpt.baselines.train import (
    Trained,
    rival_names,
    rival_settings,
    rival_stages,
    train_multitask,
    train_rival,
)

__all__ = [
    "RivalSettings",
    "Trained",
    "rival_names",
    "rival_settings",
    "rival_stages",
    "train_multitask",
    "train_rival",
]
