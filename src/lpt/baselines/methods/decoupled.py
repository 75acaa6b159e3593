"""Decoupled training: the backbone on images as they come, then the classifier made anew.

cRT re-trains the classifier on class-balanced images; tau-normalisation divides its weights by
their lengths. GCL is the first of these after its own loss.

Sources: Kang, Xie, Rohrbach, Yan, Gordo, Feng and Kalantidis, ICLR 2020, section 4; GCL: Li,
Cheung and Lu, CVPR 2022, section 3. Departures: full tuning of a pretrained ViT, not training from
scratch; classifiers of unit features; the second classifier starts at class means unless `init`
says otherwise. GCL besides: class-balanced sampling where the paper samples by the effective number
of images; a new classifier and cross-entropy where the authors' code goes on from the first one
with a focal-weighted GCL of half the noise (margin 0.1, scale 20).
"""

from dataclasses import replace

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from lpt.baselines.baseline_trainer import Baseline, BaselineTrainer
from lpt.baselines.encoder import EncoderStage, Fixed
from lpt.baselines.methods.full import DEFAULTS, fully_tuned
from lpt.config.sections import Count, Section, Share
from lpt.model.classifier import CosineClassifier
from lpt.training.engine.stage import Stage

__all__ = ["CRT", "GCL", "TAU_NORM", "LengthClassifier", "tau_normalised"]

TAUS = tuple(i / 10 for i in range(11))


class RetrainOptions(Section):
    """Epochs of the second classifier; no more than the first stage has."""

    classifier_epochs: Count = 10


class TauOptions(Section):
    """The exponent of the lengths.

    Null chooses the best of 0, 0.1, ... 1 on validation images by macro accuracy, and 0.7 where
    there are none.
    """

    tau: Share | None = None


class LengthClassifier(CosineClassifier):
    """Cosines times the lengths of the class weights, which then learn how common classes are."""

    def forward(
        self, feature: Float[Tensor, "B D"], dropout_mask: Bool[Tensor, "B D"] | None = None
    ) -> Float[Tensor, "B C"]:
        """Products of unit features and raw class weights."""
        products: Tensor = super().forward(feature, dropout_mask) * self.weight.norm(dim=1)
        return products


def tau_normalised(weight: Float[Tensor, "C D"], tau: float) -> Float[Tensor, "C D"]:
    """w_i / |w_i|^tau: 0 leaves the weights, 1 their directions (Kang et al., section 4)."""
    scaled: Tensor = F.normalize(weight, dim=1) * weight.norm(dim=1, keepdim=True) ** (1 - tau)
    return scaled


def _train_crt(trainer: BaselineTrainer) -> Stage:
    tuned = trainer.stage(fully_tuned(trainer.context.backbone))
    trainer.fit(tuned, mean_weight=0.0)  # its classifier is made anew
    second = trainer.stage(Fixed(tuned.encoder), branches=trainer.branches("balanced", "ce"))
    trainer.fit(
        second,
        number=1,
        epochs=_both_stages(trainer.settings.epochs, trainer.options)[1],
        views=trainer.settings.cached_views,
    )
    return second


def _train_tau(trainer: BaselineTrainer) -> Stage:
    stage = trainer.stage(
        fully_tuned(trainer.context.backbone), trainer.classifier(LengthClassifier)
    )
    trainer.fit(stage)
    tau = _best_tau(trainer, stage) if trainer.options.tau is None else trainer.options.tau
    with torch.no_grad():
        stage.classifier.weight.copy_(tau_normalised(stage.classifier.weight, tau))
    return stage


def _best_tau(trainer: BaselineTrainer, stage: EncoderStage) -> float:
    """The tau with the best macro accuracy on validation images, the largest of equals."""
    context, split = trainer.context, trainer.context.validation
    if split is None:
        return 0.7
    found = context.predict(stage.predict, split)
    lengths = stage.classifier.weight.detach().norm(dim=1).cpu().numpy()

    def macro(tau: float) -> float:
        divided = replace(found, logits=found.logits / lengths**tau)
        return context.score(divided).summary()["macro"] or 0.0

    return max(TAUS, key=lambda tau: (macro(tau), tau))


def _both_stages(epochs: int, options: RetrainOptions) -> tuple[int, int]:
    return epochs, min(epochs, options.classifier_epochs)


CRT = Baseline(_train_crt, DEFAULTS, RetrainOptions, uses_cached_views=True, stages=_both_stages)
TAU_NORM = Baseline(_train_tau, DEFAULTS, TauOptions)
GCL = Baseline(
    _train_crt,
    {**DEFAULTS, "loss": "gcl"},
    RetrainOptions,
    uses_cached_views=True,
    stages=_both_stages,
)
