"""Linear probe: a cosine classifier on features of the frozen backbone.

Source: the baseline of LPT (Dong et al., ICLR 2023), table 1. Departures: the cosine classifier of
LPT, so that the two methods differ in the prompts only; training on four fixed augmented views of
each image, so that the backbone encodes each view once (`cached_views` 0 augments at every step).
"""

from lpt.baselines.baseline import COMMON_READS, Baseline
from lpt.baselines.baseline_trainer import BaselineTrainer
from lpt.baselines.encoder import Fixed
from lpt.training.engine.stage import Stage

__all__ = ["BASELINE"]


def _train(trainer: BaselineTrainer) -> Stage:
    stage = trainer.stage(Fixed(trainer.context.backbone))
    trainer.fit(stage, cached_views=trainer.settings.cached_views)
    return stage


BASELINE = Baseline(
    _train,
    {"lr": 3e-3, "sampler": "balanced", "cached_views": 4},
    reads=COMMON_READS,
    uses_cached_views=True,
)
