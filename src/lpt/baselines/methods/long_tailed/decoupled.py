"""Decoupled training: the backbone with instance-balanced sampling, then a new classifier.

cRT retrains the classifier with class-balanced sampling; tau-normalisation divides its weights by a
power of their norms. GCL is cRT after a first stage with the GCL loss.

Sources: Kang, Xie, Rohrbach, Yan, Gordo, Feng and Kalantidis, ICLR 2020, section 4; GCL: Li,
Cheung and Lu, CVPR 2022, section 3. Departures: full fine-tuning of a pretrained ViT, not training
from scratch; classifiers of unit features; the second classifier is initialised as `init` asks,
with class means by default. For GCL also: class-balanced sampling where the paper samples by the
effective number of images; a new classifier and cross-entropy where the authors' code continues
from the first one with a focal-weighted GCL of half the noise (margin 0.1, scale 20).
"""

from dataclasses import replace

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from lpt.baselines.baseline import COMMON_READS, Baseline
from lpt.baselines.baseline_trainer import BaselineTrainer
from lpt.baselines.encoder import EncoderStage, Fixed
from lpt.baselines.methods.full import DEFAULTS, fully_tuned
from lpt.config.ranges import PositiveEpochs, Share
from lpt.config.section import Section
from lpt.model.classifier import CosineClassifier
from lpt.training.engine.stage import Stage

__all__ = ["CRT", "GCL", "TAU_NORM", "UnnormalisedClassifier", "tau_normalised"]

TAUS = tuple(i / 10 for i in range(11))


class RetrainOptions(Section):
    """Options of cRT and GCL.

    Attributes:
        classifier_epochs: of the second classifier, at most those of the first stage.
    """

    classifier_epochs: PositiveEpochs = 10


class TauOptions(Section):
    """Options of tau-normalisation.

    Attributes:
        tau: exponent of the norms. None chooses the best of 0, 0.1, ... 1 by macro accuracy on
            validation images, or 0.7 without validation images.
    """

    tau: Share | None = None


class UnnormalisedClassifier(CosineClassifier):
    """A classifier whose logits keep the norms of class weights, which grow with class counts."""

    def forward(
        self, feature: Float[Tensor, "B D"], dropout_mask: Bool[Tensor, "B D"] | None = None
    ) -> Float[Tensor, "B C"]:
        """Return products of unit features and class weights that are not normalised."""
        products: Tensor = super().forward(feature, dropout_mask) * self.weight.norm(dim=1)
        return products


def tau_normalised(weight: Float[Tensor, "C D"], tau: float) -> Float[Tensor, "C D"]:
    """Return w_i / |w_i|^tau (Kang et al., section 4): 0 keeps weights, 1 gives unit vectors."""
    scaled: Tensor = F.normalize(weight, dim=1) * weight.norm(dim=1, keepdim=True) ** (1 - tau)
    return scaled


def _train_crt(trainer: BaselineTrainer) -> Stage:
    tuned = trainer.stage(fully_tuned(trainer.context.backbone))
    trainer.fit(tuned, mean_weight=0.0)  # its classifier is discarded
    second = trainer.stage(Fixed(tuned.encoder), branches=trainer.branches("balanced", "ce"))
    trainer.fit(
        second,
        number=1,
        epochs=_stage_epochs(trainer.settings.epochs, trainer.options)[1],
        cached_views=trainer.settings.cached_views,
    )
    return second


def _train_tau(trainer: BaselineTrainer) -> Stage:
    stage = trainer.stage(
        fully_tuned(trainer.context.backbone), trainer.classifier(UnnormalisedClassifier)
    )
    trainer.fit(stage)
    tau = _best_tau(trainer, stage) if trainer.options.tau is None else trainer.options.tau
    with torch.no_grad():
        stage.classifier.weight.copy_(tau_normalised(stage.classifier.weight, tau))
    return stage


def _best_tau(trainer: BaselineTrainer, stage: EncoderStage) -> float:
    """The tau with the best macro accuracy on validation images; the largest of ties."""
    context, split = trainer.context, trainer.context.validation
    if split is None:
        return 0.7
    predictions = context.predict(stage.predict, split)
    norms = stage.classifier.weight.detach().norm(dim=1).cpu().numpy()

    def macro(tau: float) -> float:
        normalised = replace(predictions, logits=predictions.logits / norms**tau)
        return context.score(normalised).summary()["macro"] or 0.0

    return max(TAUS, key=lambda tau: (macro(tau), tau))


def _stage_epochs(epochs: int, options: RetrainOptions) -> tuple[int, int]:
    return epochs, min(epochs, options.classifier_epochs)


CRT = Baseline(
    _train_crt,
    DEFAULTS,
    RetrainOptions,
    reads=COMMON_READS,
    uses_cached_views=True,
    stage_epochs=_stage_epochs,
)
TAU_NORM = Baseline(_train_tau, DEFAULTS, TauOptions, reads=(*COMMON_READS, "data.max_val_images"))
GCL = replace(CRT, defaults={**DEFAULTS, "loss": "gcl"})
