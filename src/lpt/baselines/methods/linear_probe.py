"""Linear probe: a cosine classifier on features of the plain, frozen backbone.

Source: the baseline of LPT (Dong et al., ICLR 2023), table 1. Departures: a cosine classifier, the
same that the prompts get, so that the two differ in the prompts alone; it learns from four fixed
augmented views of each image, so that the backbone sees each once (`views` 0 augments afresh).
"""

from lpt.baselines.baseline_trainer import Rival, Trial
from lpt.baselines.encoder import Fixed
from lpt.training.engine.stage import Stage

__all__ = ["RIVAL"]


def _train(trial: Trial) -> Stage:
    stage = trial.stage(Fixed(trial.bench.backbone))
    trial.fit(stage, views=trial.settings.views)
    return stage


RIVAL = Rival(_train, {"rate": 3e-3, "sampler": "balanced", "views": 4}, has_views=True)
