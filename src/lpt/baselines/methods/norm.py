"""Norm tuning: weights and biases of all LayerNorms are trained, including the final norm.

Source: the baseline "norm tuning" of LPT (Dong et al., ICLR 2023), table 15; affine parameters of
norms only in Frankle, Schwab and Morcos, ICLR 2021. Departure: they train the norms of random
convolutional networks; here the norms belong to a pretrained ViT.
"""

from lpt.baselines.baseline import Baseline
from lpt.baselines.tuned_vit import TunedViT, norm_parameters

__all__ = ["BASELINE"]

BASELINE = Baseline.of_encoder(lambda vit, _: TunedViT(vit, norm_parameters), {"lr": 1e-3})
