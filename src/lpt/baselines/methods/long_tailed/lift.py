"""LIFT: small adapters, logit adjustment, class-mean initialisation, test-time augmentation.

Source: Shi, Wei, Zhou, Shao, Han and Li, ICML 2024, section 4: AdaptFormer in every block
with a trainable scale that starts at 1, and a bottleneck of 2^floor(log2(C / 2L)), so that adapters
have no more parameters than the classifier; cosine scale 25; 10 epochs. Departures: AdamW in place
of SGD at 0.01; class means, which the authors' code offers too, in place of CLIP's text features,
from a subset of the images of large classes; adapters read tokens after the block's frozen norm,
where the authors' have a trainable norm of their own (2 D L parameters more); the departure of
`lpt.evaluation.tta`.
"""

from lpt.baselines.baseline import COMMON_READS, Baseline
from lpt.baselines.baseline_trainer import BaselineTrainer
from lpt.baselines.methods.adapter import AdapterOptions, insert_adapters
from lpt.baselines.tuned_vit import TunedViT
from lpt.config.ranges import Width
from lpt.config.section import Section
from lpt.training.engine.stage import Stage

__all__ = ["BASELINE", "DEFAULTS", "LiftOptions", "bottleneck_width", "with_adapters"]

DEFAULTS = {
    "lr": 1e-3,
    "epochs": 10,
    "weight_decay": 5e-4,
    "loss": "logit-adjustment",
    "loss_options": {"scale": 25.0},
    "tta": True,
}


class LiftOptions(Section):
    """Options of LIFT.

    Attributes:
        bottleneck: width of the adapters; None for `bottleneck_width`.
    """

    bottleneck: Width | None = None


def bottleneck_width(classes: int, depth: int) -> int:
    """Return 2^floor(log2(C / 2L)), at least 1 (Shi et al., section 4)."""
    width = 1
    while 2 * width <= classes / (2 * depth):
        width *= 2
    return width


def with_adapters(trainer: BaselineTrainer) -> TunedViT:
    """Return a copy of the backbone with LIFT's adapters, of the width that the options ask for."""
    backbone = trainer.context.backbone
    width = trainer.options.bottleneck or bottleneck_width(
        trainer.context.data.num_classes, backbone.depth
    )
    options = AdapterOptions(bottleneck=width, scale=1.0, train_scale=True)
    return TunedViT(backbone, lambda vit: insert_adapters(vit, options))


def _train(trainer: BaselineTrainer) -> Stage:
    return trainer.tune(with_adapters(trainer))


BASELINE = Baseline(_train, DEFAULTS, LiftOptions, reads=COMMON_READS)
