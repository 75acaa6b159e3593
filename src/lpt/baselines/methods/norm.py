"""Norm tuning: weights and biases of all LayerNorms learn, the final one's included.

Source: the rival "norm tuning" of LPT (Dong et al., ICLR 2023), table 15; affine parameters of
norms alone in Frankle, Schwab and Morcos, ICLR 2021. Departure: those train the norms of random
convolutional networks; here they belong to a trained ViT.
"""

from lpt.baselines.baseline_trainer import Baseline, BaselineTrainer
from lpt.baselines.tuned_vit import TunedViT, norms_of
from lpt.training.engine.stage import Stage

__all__ = ["BASELINE"]


def _train(trainer: BaselineTrainer) -> Stage:
    return trainer.tune(TunedViT(trainer.context.backbone, norms_of))


BASELINE = Baseline(_train, {"lr": 1e-3})
