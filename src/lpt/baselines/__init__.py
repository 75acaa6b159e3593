"""Rivals of long-tailed prompt tuning, each a small stage against the same loop."""

from lpt.baselines.registry import (
    Trained,
    rival_names,
    rival_settings,
    rival_stages,
    train_multitask,
    train_rival,
)
from lpt.baselines.settings import RivalSettings

__all__ = [
    "RivalSettings",
    "Trained",
    "rival_names",
    "rival_settings",
    "rival_stages",
    "train_multitask",
    "train_rival",
]
