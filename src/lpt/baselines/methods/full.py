"""Full fine-tuning: all parameters are trained, from the patch embedding to the final norm.

Source: the baseline "full fine-tuning" of LPT (Dong et al., ICLR 2023), table 6; also VPT (Jia et
al., ECCV 2022), section 4.1. Layer-wise decay of the learning rate as in BEiT (Bao et al., ICLR
2022) and MAE (He et al., CVPR 2022). Departures: a cosine classifier with its own learning rate;
no drop path; weight decay covers norms and biases too.
"""

from typing import Annotated

from pydantic import Field
from torch import nn

from lpt.backbones import FrozenViT
from lpt.baselines.baseline import Baseline
from lpt.baselines.tuned_vit import TrainableLinear, TunedViT, replace_linears
from lpt.config.section import Section

__all__ = ["BASELINE", "DEFAULTS", "FullOptions", "fully_tuned"]

DEFAULTS = {"lr": 1e-4, "classifier_lr": 1e-3}
"""Also of the baselines that begin with full fine-tuning."""


class FullOptions(Section):
    """Options of full fine-tuning.

    Attributes:
        layer_decay: factor between the learning rates of a block and of the block after it; 1 for
            one learning rate. BEiT and MAE use 0.65 to 0.75.
    """

    layer_decay: Annotated[float, Field(ge=0.1, le=1)] = 1.0


def fully_tuned(backbone: FrozenViT, options: FullOptions | None = None) -> TunedViT:
    """Make an encoder with all parameters trainable."""
    decay = (options or FullOptions()).layer_decay
    return TunedViT(backbone, _all_parameters, trains_linears=True, layer_decay=decay)


def _all_parameters(vit: FrozenViT) -> list[nn.Parameter]:
    replace_linears(vit.model, TrainableLinear.of)
    return list(vit.model.parameters())


BASELINE = Baseline.of_encoder(fully_tuned, DEFAULTS, FullOptions)
