"""Full fine-tuning: all parameters are trained, from the patch embedding to the final norm.

Source: the baseline "full fine-tuning" of LPT (Dong et al., ICLR 2023), table 6; also VPT (Jia et
al., ECCV 2022), section 4.1. Departures: a cosine classifier with its own learning rate; no
layer-wise learning-rate decay, no drop path.
"""

from torch import nn

from lpt.backbones import FrozenViT
from lpt.baselines.baseline import Baseline
from lpt.baselines.tuned_vit import TrainableLinear, TunedViT, replace_linears

__all__ = ["BASELINE", "DEFAULTS", "fully_tuned"]

DEFAULTS = {"lr": 1e-4, "classifier_lr": 1e-3}
"""Also of the baselines that begin with full fine-tuning."""


def fully_tuned(backbone: FrozenViT) -> TunedViT:
    """Make an encoder with all parameters trainable."""
    return TunedViT(backbone, _all_parameters, trains_linears=True)


def _all_parameters(vit: FrozenViT) -> list[nn.Parameter]:
    replace_linears(vit.model, TrainableLinear.of)
    return list(vit.model.parameters())


BASELINE = Baseline.of_encoder(lambda vit, _: fully_tuned(vit), DEFAULTS)
