"""Full fine-tuning: everything learns, patch embedding, class token and positions included.

Source: the rival "full fine-tuning" of LPT (Dong et al., ICLR 2023), table 6; also VPT (Jia et al.,
ECCV 2022), section 4.1. Departures: a cosine classifier with a rate of its own; no decay of
the rate by depth, no drop path.
"""

from torch import nn

from lpt.backbones import FrozenViT
from lpt.baselines.baseline_trainer import Baseline, BaselineTrainer
from lpt.baselines.tuned_vit import TrainableLinear, TunedViT, replace_linears
from lpt.training.engine.stage import Stage

__all__ = ["BASELINE", "DEFAULTS", "fully_tuned"]

DEFAULTS = {"lr": 1e-4, "classifier_lr": 1e-3}
"""Also of the rivals that tune fully first."""


def fully_tuned(backbone: FrozenViT) -> TunedViT:
    """An encoder that learns as a whole."""
    return TunedViT(backbone, _everything, inside_products=True)


def _everything(vit: FrozenViT) -> list[nn.Parameter]:
    replace_linears(vit.model, TrainableLinear.of)
    return list(vit.model.parameters())


def _train(trainer: BaselineTrainer) -> Stage:
    return trainer.tune(fully_tuned(trainer.context.backbone))


BASELINE = Baseline(_train, DEFAULTS)
