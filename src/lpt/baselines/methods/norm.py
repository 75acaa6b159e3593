"""Norm tuning: weights and biases of all LayerNorms learn, the final one's included.

Source: the rival "norm tuning" of LPT (Dong et al., ICLR 2023), table 15; affine parameters of
norms alone in Frankle, Schwab and Morcos, ICLR 2021. Departure: those train the norms of random
convolutional networks; here they belong to a trained ViT.
"""

from lpt.baselines.baseline_trainer import Rival, Trial
from lpt.baselines.tuned_vit import TunedViT, norms_of
from lpt.training.engine.stage import Stage

__all__ = ["RIVAL"]


def _train(trial: Trial) -> Stage:
    return trial.tune(TunedViT(trial.bench.backbone, norms_of))


RIVAL = Rival(_train, {"rate": 1e-3})
