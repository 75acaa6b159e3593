"""Linear probe: a cosine classifier on features of the plain, frozen backbone.

Source: the baseline of LPT (Dong et al., ICLR 2023), table 1. Departures: a cosine classifier, the
same that the prompts get, so that the two differ in the prompts alone; it learns from four fixed
augmented views of each image, so that the backbone sees each once (`views` 0 augments afresh).
"""

from lpt.baselines.baseline_trainer import Baseline, BaselineTrainer
from lpt.baselines.encoder import Fixed
from lpt.training.engine.stage import Stage

__all__ = ["BASELINE"]


def _train(trainer: BaselineTrainer) -> Stage:
    stage = trainer.stage(Fixed(trainer.context.backbone))
    trainer.fit(stage, views=trainer.settings.cached_views)
    return stage


BASELINE = Baseline(
    _train, {"lr": 3e-3, "sampler": "balanced", "cached_views": 4}, uses_cached_views=True
)
