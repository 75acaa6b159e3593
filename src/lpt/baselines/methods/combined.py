"""Long-tailed prompt tuning with norms or adapters learned beside the shared prompts.

Source: LPT (Dong et al., ICLR 2023), table 15 ("LPT + norm", "LPT + adapters"). Departure: the
paper does not say in which phase they learn. Here norms or adapters learn with the shared prompts
in phase 1, at a rate of their own, and are fixed in phase 2; the rates of everything else are those
of the run's configuration.
"""

import copy
from collections.abc import Callable
from typing import Literal

from torch import nn

from lpt.backbones import FrozenViT
from lpt.baselines.baseline_trainer import Baseline, BaselineTrainer
from lpt.baselines.methods.adapter import AdapterOptions, put_adapters
from lpt.baselines.tuned_vit import norms_of
from lpt.config import OptimConfig
from lpt.config.sections import Count, Positive, Section
from lpt.model.two_pass import LongTailedPromptModel
from lpt.training.engine.stage import Stage
from lpt.training.phases.build_stages import build_model, build_stage
from lpt.training.phases.initialization import start_pool
from lpt.training.phases.prompt_stages import SharedStage

__all__ = ["LPT_ADAPTER", "LPT_NORM", "CombinedStage"]

Change = Callable[[FrozenViT], list[nn.Parameter]]

DEFAULTS = {"lr": 1e-3, "loss": "logit-adjustment"}
"""Loss and order as in phase 1 of the default recipe; the rate is of norms or adapters alone."""


class CombinedOptim(OptimConfig):
    """Phase 1's optimiser, with a rate for what it does not have."""

    backbone_lr: Positive

    @property
    def role_lrs(self) -> dict[str, float | None]:
        """Those of phase 1, and the norms' or adapters'."""
        return {**super().role_lrs, "backbone": self.backbone_lr}


class PhaseOptions(Section):
    """Phases to train: 1 for shared prompts alone, 2 for both."""

    phases: Literal[1, 2] = 2


class AdapterPhaseOptions(PhaseOptions):
    """Width of the adapters' bottleneck besides."""

    bottleneck: Count = 64


class CombinedStage(SharedStage):
    """Phase 1, in which some of a copy of the backbone learns too."""

    def __init__(
        self, name: str, model: LongTailedPromptModel, change: Change, trainer: BaselineTrainer
    ):
        super().__init__(model, trainer.branches(), trainer.context.config.augment.mixup)
        self.name = name
        self.tuned = change(model.backbone)
        for parameter in self.tuned:
            parameter.requires_grad_(True)

    def param_groups(self) -> dict[str, list[nn.Parameter]]:
        """Shared prompts, classifier and what the change chose."""
        return {**super().param_groups(), "backbone": self.tuned}


def _trained(trainer: BaselineTrainer, change: Change) -> Stage:
    context = trainer.context
    device = context.accelerator.device
    config = context.config.changed({"classifier.dropout": trainer.dropout})
    model = build_model(config, copy.deepcopy(context.backbone), context.data.num_classes)
    first = CombinedStage(trainer.name, model, change, trainer).to(device).eval()
    trainer.start(model.classifier, lambda images: model.phase1(images).query)
    trainer.fit(first, optim=_optim(trainer), mean_weight=_mean_weight(trainer))
    if trainer.options.phases == 1:
        return first
    model.backbone.requires_grad_(False)
    return _second(trainer, model)


def _optim(trainer: BaselineTrainer) -> CombinedOptim:
    """Prompts and classifier learn as in phase 1 of the run, unless the rival's settings differ."""
    settings, phase1 = trainer.settings, trainer.context.config.phase1.optim
    own = {"backbone_lr": settings.lr}
    if settings.classifier_lr is not None:
        own["classifier_lr"] = settings.classifier_lr
    if settings.weight_decay:
        own["weight_decay"] = settings.weight_decay
    return CombinedOptim.model_validate({**phase1.model_dump(), **own})


def _mean_weight(trainer: BaselineTrainer) -> float:
    return trainer.settings.mean_weight or trainer.context.config.classifier.mean_weight


def _second(trainer: BaselineTrainer, model: LongTailedPromptModel) -> Stage:
    """Phase 2 as a run has it, on images augmented afresh."""
    config = trainer.context.config
    start_pool(model, trainer.context)
    stage = build_stage("phase2", config, model, trainer.context.counts)
    stage.to(trainer.context.accelerator.device)
    trainer.fit(stage, number=1, optim=config.phase2.optim, mean_weight=_mean_weight(trainer))
    return stage


def _train_norm(trainer: BaselineTrainer) -> Stage:
    return _trained(trainer, norms_of)


def _train_adapter(trainer: BaselineTrainer) -> Stage:
    options = AdapterOptions(bottleneck=trainer.options.bottleneck)
    return _trained(trainer, lambda vit: put_adapters(vit, options))


def _stages(epochs: int, options: PhaseOptions) -> tuple[int, ...]:
    return (epochs,) * options.phases


LPT_NORM = Baseline(_train_norm, DEFAULTS, PhaseOptions, stages=_stages)
LPT_ADAPTER = Baseline(_train_adapter, DEFAULTS, AdapterPhaseOptions, stages=_stages)
