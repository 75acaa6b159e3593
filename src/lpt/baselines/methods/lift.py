"""LIFT: light adapters, logit adjustment, a cosine classifier at class means, five crops at test.

Source: Shi, Wei, Zhou, Shao, Han and Li, ICML 2024, section 4: AdaptFormer in every block
with a learned scale, 1 at the start, and a bottleneck of 2^floor(log2(C / 2L)), so that adapters
learn no more than the classifier; scale 25 of cosines; 10 epochs. Departures: AdamW in place of SGD
at 0.01; class means, which the authors' code offers too, in place of CLIP's text features, and of a
part of the images of large classes; adapters read tokens after the block's frozen norm, where the
authors' have a learned norm of their own (2 D L numbers more); that of `lpt.evaluation.tta`.
"""

from lpt.baselines.baseline_trainer import Baseline, BaselineTrainer
from lpt.baselines.methods.adapter import AdapterOptions, put_adapters
from lpt.baselines.tuned_vit import TunedViT
from lpt.config.sections import Count, Section
from lpt.training.engine.stage import Stage

__all__ = ["BASELINE", "bottleneck_of"]


class LiftOptions(Section):
    """Width of the bottlenecks; null follows the number of classes."""

    bottleneck: Count | None = None


def bottleneck_of(classes: int, depth: int) -> int:
    """2^floor(log2(C / 2L)), at least 1."""
    width = 1
    while 2 * width <= classes / (2 * depth):
        width *= 2
    return width


def _train(trainer: BaselineTrainer) -> Stage:
    backbone = trainer.context.backbone
    width = trainer.options.bottleneck or bottleneck_of(
        trainer.context.data.num_classes, backbone.depth
    )
    options = AdapterOptions(bottleneck=width, scale=1.0, train_scale=True)
    return trainer.tune(TunedViT(backbone, lambda vit: put_adapters(vit, options)))


BASELINE = Baseline(
    _train,
    {
        "lr": 1e-3,
        "epochs": 10,
        "weight_decay": 5e-4,
        "loss": "logit-adjustment",
        "loss_options": {"scale": 25.0},
        "tta": True,
    },
    LiftOptions,
)
