"""Long-tailed prompt tuning with norms or adapters that are trained with the shared prompts.

Source: LPT (Dong et al., ICLR 2023), table 15 ("LPT + norm", "LPT + adapters"). Departure: the
paper does not state in which phase they are trained. Here norms or adapters are trained with the
shared prompts in phase 1, with their own learning rate, and are frozen in phase 2. All other
learning rates are those of the run's configuration.
"""

import copy
from collections.abc import Callable
from typing import Literal

from torch import nn

from lpt.backbones import FrozenViT
from lpt.baselines.baseline import COMMON_READS, Baseline
from lpt.baselines.baseline_trainer import BaselineTrainer
from lpt.baselines.methods.adapter import AdapterOptions, insert_adapters
from lpt.baselines.tuned_vit import norm_parameters
from lpt.config import OptimConfig
from lpt.config.ranges import LearningRate, Width
from lpt.config.sections import Section
from lpt.model.two_pass import LongTailedPromptModel
from lpt.training.engine.stage import Stage
from lpt.training.phases.build_stages import build_model, build_stage
from lpt.training.phases.initialization import start_pool
from lpt.training.phases.prompt_stages import SharedStage

__all__ = ["LPT_ADAPTER", "LPT_NORM", "CombinedStage"]

Change = Callable[[FrozenViT], list[nn.Parameter]]

DEFAULTS = {"lr": 1e-3, "loss": "logit-adjustment", "weight_decay": None, "mean_weight": None}
"""Sampler and loss are those of phase 1 in the default recipe; `lr` is that of norms or adapters.

Weight decay and the weight of class means are the run's unless they are given.
"""

READS = (
    *COMMON_READS,
    "classifier.mean_weight",
    "prompts",
    "phase1.optim",
    "phase2.sampler",
    "phase2.dual_sampler",
    "phase2.eta",
    "phase2.loss",
    "phase2.optim",
    "phase2.key_weight",
    "phase2.weight_key_term",
    "phase2.instance_lambda_pos",
    "phase2.instance_lambda_neg",
)
"""Epochs and batch size are those of `BaselineSettings`; views are never cached."""


class CombinedOptim(OptimConfig):
    """Phase 1's optimiser with a learning rate for norms or adapters."""

    backbone_lr: LearningRate

    @property
    def role_lrs(self) -> dict[str, float | None]:
        """Those of phase 1, and that of norms or adapters."""
        return {**super().role_lrs, "backbone": self.backbone_lr}


class PhaseOptions(Section):
    """Options of LPT with norms.

    Attributes:
        phases: 1 trains the shared prompts only, 2 also the group prompts.
    """

    phases: Literal[1, 2] = 2


class AdapterPhaseOptions(PhaseOptions):
    """Options of LPT with adapters.

    Attributes:
        phases: as in `PhaseOptions`.
        bottleneck: width of the adapters.
    """

    bottleneck: Width = 64


class CombinedStage(SharedStage):
    """Phase 1 in which parts of a copy of the backbone are trained too."""

    def __init__(
        self, name: str, model: LongTailedPromptModel, change: Change, trainer: BaselineTrainer
    ):
        super().__init__(model, trainer.branches(), trainer.context.config.augment.mixup)
        self.name = name
        self.tuned = change(model.backbone)
        for parameter in self.tuned:
            parameter.requires_grad_(True)

    def param_groups(self) -> dict[str, list[nn.Parameter]]:
        """Shared prompts, classifier, and the parameters that the change returned."""
        return {**super().param_groups(), "backbone": self.tuned}


def _train(trainer: BaselineTrainer, change: Change) -> Stage:
    context = trainer.context
    device = context.accelerator.device
    config = context.config.changed({"classifier.dropout": trainer.dropout})
    model = build_model(config, copy.deepcopy(context.backbone), context.data.num_classes)
    first = CombinedStage(trainer.name, model, change, trainer).to(device).eval()
    trainer.init_classifier(model.classifier, lambda images: model.phase1(images).query)
    trainer.fit(first, optim=_optim(trainer), mean_weight=_mean_weight(trainer))
    if trainer.options.phases == 1:
        return first
    model.backbone.requires_grad_(False)
    return _train_phase2(trainer, model)


def _optim(trainer: BaselineTrainer) -> CombinedOptim:
    """The optimiser of the run's phase 1, changed by those of the baseline's settings given."""
    settings, phase1 = trainer.settings, trainer.context.config.phase1.optim
    own = {
        "backbone_lr": settings.lr,
        "classifier_lr": settings.classifier_lr,
        "weight_decay": settings.weight_decay,
    }
    given = {name: value for name, value in own.items() if value is not None}
    return CombinedOptim.model_validate({**phase1.model_dump(), **given})


def _mean_weight(trainer: BaselineTrainer) -> float:
    own = trainer.settings.mean_weight
    return trainer.context.config.classifier.mean_weight if own is None else own


def _train_phase2(trainer: BaselineTrainer, model: LongTailedPromptModel) -> Stage:
    """Train phase 2 as a run does, with images augmented at every step."""
    config = trainer.context.config
    start_pool(model, trainer.context)
    stage = build_stage("phase2", config, model, trainer.context.counts)
    stage.to(trainer.context.accelerator.device)
    trainer.fit(stage, number=1, optim=config.phase2.optim, mean_weight=_mean_weight(trainer))
    return stage


def _train_norm(trainer: BaselineTrainer) -> Stage:
    return _train(trainer, norm_parameters)


def _train_adapter(trainer: BaselineTrainer) -> Stage:
    options = AdapterOptions(bottleneck=trainer.options.bottleneck)
    return _train(trainer, lambda vit: insert_adapters(vit, options))


def _stage_epochs(epochs: int, options: PhaseOptions) -> tuple[int, ...]:
    return (epochs,) * options.phases


LPT_NORM = Baseline(_train_norm, DEFAULTS, PhaseOptions, READS, stage_epochs=_stage_epochs)
LPT_ADAPTER = Baseline(
    _train_adapter, DEFAULTS, AdapterPhaseOptions, READS, stage_epochs=_stage_epochs
)
