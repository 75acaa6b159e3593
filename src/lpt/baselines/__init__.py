"""Baselines for long-tailed prompt tuning: each is a small stage, trained by the same loop."""

from lpt.baselines.baseline import COMMON_READS, Baseline
from lpt.baselines.baseline_trainer import BaselineTrainer
from lpt.baselines.encoder import Encoder, EncoderStage
from lpt.baselines.named_baselines import (
    BASELINES,
    baseline_names,
    baseline_reads,
    baseline_settings,
    baseline_stages,
    register_baseline,
)
from lpt.baselines.train_baseline import TrainedBaseline, train_baseline, train_multitask
from lpt.baselines.tuned_vit import TunedViT
from lpt.config.baseline_settings import BaselineSettings

__all__ = [
    "BASELINES",
    "COMMON_READS",
    "Baseline",
    "BaselineSettings",
    "BaselineTrainer",
    "Encoder",
    "EncoderStage",
    "TrainedBaseline",
    "TunedViT",
    "baseline_names",
    "baseline_reads",
    "baseline_settings",
    "baseline_stages",
    "register_baseline",
    "train_baseline",
    "train_multitask",
]
