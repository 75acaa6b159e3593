"""Long-tailed prompt tuning with norms or adapters that are trained with the shared prompts.

Source: LPT (Dong et al., ICLR 2023), table 15 ("LPT + norm", "LPT + adapters"). Departure: the
paper does not state in which phase they are trained. Here norms or adapters are trained with the
shared prompts in phase 1, with their own learning rate, and are frozen in phase 2. All other
learning rates are those of the run's configuration. LPT with adapters is the method itself with
`adapters.width` and `phase1.optim.adapter_lr` set; as a baseline, it has the epochs, batch size and
classifier of baselines.
"""

import copy
from collections.abc import Sequence
from typing import Literal

from torch import nn

from lpt.baselines.baseline import COMMON_READS, Baseline
from lpt.baselines.baseline_trainer import BaselineTrainer
from lpt.baselines.tuned_vit import norm_parameters
from lpt.config import OptimConfig, RunConfig
from lpt.config.ranges import LearningRate, Width
from lpt.config.section import Section
from lpt.model.two_pass import LongTailedPromptModel
from lpt.training.engine.stage import Stage
from lpt.training.phases.build_stages import build_model, build_stage
from lpt.training.phases.initialization import start_pool
from lpt.training.phases.prompt_stages import SharedStage

__all__ = ["LPT_ADAPTER", "LPT_NORM", "CombinedStage"]

DEFAULTS = {"lr": 1e-3, "loss": "logit-adjustment", "weight_decay": None, "mean_weight": None}
"""Sampler and loss are those of phase 1 in the default recipe; `lr` is that of norms or adapters.

Weight decay and the weight of class means are the run's unless they are given.
"""

READS = (
    *COMMON_READS,
    "classifier.mean_weight",
    "classifier.passes",
    "prompts",
    "adapters",
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
"""Epochs and batch size are those of `BaselineSettings`; views are never cached.

LPT with adapters has its own `adapters.width`: the option `bottleneck`.
"""


class NormOptim(OptimConfig):
    """Phase 1's optimiser with a learning rate for norms."""

    backbone_lr: LearningRate

    @property
    def role_lrs(self) -> dict[str, float | None]:
        """Those of phase 1, and that of norms."""
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
    """Phase 1 in which parameters of a copy of the backbone are trained too.

    Args:
        name: of the baseline.
        model: whose backbone the parameters belong to.
        tuned: these parameters; none for adapters, which belong to the model.
        trainer: of the baseline.
    """

    def __init__(
        self,
        name: str,
        model: LongTailedPromptModel,
        tuned: Sequence[nn.Parameter],
        trainer: BaselineTrainer,
    ) -> None:
        super().__init__(model, trainer.branches(), trainer.context.config.augment.mixup)
        self.name = name
        self.tuned = list(tuned)
        for parameter in self.tuned:
            parameter.requires_grad_(True)

    def param_groups(self) -> dict[str, list[nn.Parameter]]:
        """Those of phase 1, and the tuned parameters of the backbone."""
        return {**super().param_groups(), "backbone": self.tuned}


def _train_norm(trainer: BaselineTrainer) -> Stage:
    context = trainer.context
    backbone = copy.deepcopy(context.backbone)
    model = build_model(_config(trainer), backbone, context.data.num_classes)
    return _train(trainer, model, norm_parameters(backbone), NormOptim, "backbone_lr")


def _train_adapter(trainer: BaselineTrainer) -> Stage:
    context, width = trainer.context, trainer.options.bottleneck
    config = _config(trainer).changed({"adapters.width": width})
    model = build_model(config, context.backbone, context.data.num_classes)
    return _train(trainer, model, (), OptimConfig, "adapter_lr")


def _config(trainer: BaselineTrainer) -> RunConfig:
    return trainer.context.config.changed({"classifier.dropout": trainer.dropout})


def _train(
    trainer: BaselineTrainer,
    model: LongTailedPromptModel,
    tuned: Sequence[nn.Parameter],
    optim: type[OptimConfig],
    own_lr: str,
) -> Stage:
    """Train both phases, or the first.

    Args:
        tuned: parameters of the model's backbone that phase 1 trains.
        optim: optimiser of phase 1.
        own_lr: its learning rate that is the baseline's `lr`.
    """
    device = trainer.context.accelerator.device
    first = CombinedStage(trainer.name, model, tuned, trainer).to(device).eval()
    trainer.init_classifier(model.classifier, lambda images: model.phase1(images).feature)
    trainer.fit(first, optim=_optim(trainer, optim, own_lr), mean_weight=_mean_weight(trainer))
    if trainer.options.phases == 1:
        return first
    model.backbone.requires_grad_(False)
    return _train_phase2(trainer, model)


def _optim(trainer: BaselineTrainer, kind: type[OptimConfig], own_lr: str) -> OptimConfig:
    """The optimiser of the run's phase 1, changed by those of the baseline's settings given."""
    settings, phase1 = trainer.settings, trainer.context.config.phase1.optim
    own = {
        own_lr: settings.lr,
        "classifier_lr": settings.classifier_lr,
        "weight_decay": settings.weight_decay,
    }
    given = {name: value for name, value in own.items() if value is not None}
    return kind.model_validate({**phase1.model_dump(), **given})


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


def _stage_epochs(epochs: int, options: PhaseOptions) -> tuple[int, ...]:
    return (epochs,) * options.phases


LPT_NORM = Baseline(_train_norm, DEFAULTS, PhaseOptions, READS, stage_epochs=_stage_epochs)
LPT_ADAPTER = Baseline(
    _train_adapter, DEFAULTS, AdapterPhaseOptions, READS, stage_epochs=_stage_epochs
)
