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
from lpt.baselines.baseline_trainer import Rival, Trial
from lpt.baselines.methods.adapter import AdapterOptions, put_adapters
from lpt.baselines.tuned_vit import norms_of
from lpt.config import OptimConfig
from lpt.config.sections import Count, Positive, Section
from lpt.model.two_pass import LongTailedPromptModel
from lpt.training.engine.stage import Stage
from lpt.training.phases.build import build_model, build_stage
from lpt.training.phases.initialization import start_pool
from lpt.training.phases.prompt_stages import SharedStage

__all__ = ["LPT_ADAPTER", "LPT_NORM", "CombinedStage"]

Change = Callable[[FrozenViT], list[nn.Parameter]]

DEFAULTS = {"rate": 1e-3, "loss": "logit-adjustment"}
"""Loss and order as in phase 1 of the default recipe; the rate is of norms or adapters alone."""


class CombinedOptim(OptimConfig):
    """Phase 1's optimiser, with a rate for what it does not have."""

    backbone_rate: Positive

    @property
    def own_rates(self) -> dict[str, float | None]:
        """Those of phase 1, and the norms' or adapters'."""
        return {**super().own_rates, "backbone": self.backbone_rate}


class PhaseOptions(Section):
    """Phases to train: 1 for shared prompts alone, 2 for both."""

    phases: Literal[1, 2] = 2


class AdapterPhaseOptions(PhaseOptions):
    """Width of the adapters' bottleneck besides."""

    bottleneck: Count = 64


class CombinedStage(SharedStage):
    """Phase 1, in which some of a copy of the backbone learns too."""

    def __init__(self, name: str, model: LongTailedPromptModel, change: Change, trial: Trial):
        super().__init__(model, trial.branches(), trial.bench.config.augment.mixup)
        self.name = name
        self.tuned = change(model.backbone)
        for parameter in self.tuned:
            parameter.requires_grad_(True)

    def groups(self) -> dict[str, list[nn.Parameter]]:
        """Shared prompts, classifier and what the change chose."""
        return {**super().groups(), "backbone": self.tuned}


def _trained(trial: Trial, change: Change) -> Stage:
    bench = trial.bench
    device = bench.accelerator.device
    config = bench.config.changed({"classifier.dropout": trial.dropout})
    model = build_model(config, copy.deepcopy(bench.backbone), bench.data.num_classes)
    first = CombinedStage(trial.name, model, change, trial).to(device).eval()
    trial.start(model.classifier, lambda images: model.phase1(images).query)
    trial.fit(first, optim=_optim(trial), mean_share=_mean_share(trial))
    if trial.options.phases == 1:
        return first
    model.backbone.requires_grad_(False)
    return _second(trial, model)


def _optim(trial: Trial) -> CombinedOptim:
    """Prompts and classifier learn as in phase 1 of the run, unless the rival's settings differ."""
    settings, phase1 = trial.settings, trial.bench.config.phase1.optim
    own = {"backbone_rate": settings.rate}
    if settings.classifier_rate is not None:
        own["classifier_rate"] = settings.classifier_rate
    if settings.weight_decay:
        own["weight_decay"] = settings.weight_decay
    return CombinedOptim.model_validate({**phase1.model_dump(), **own})


def _mean_share(trial: Trial) -> float:
    return trial.settings.mean_share or trial.bench.config.classifier.mean_share


def _second(trial: Trial, model: LongTailedPromptModel) -> Stage:
    """Phase 2 as a run has it, on images augmented afresh."""
    config = trial.bench.config
    start_pool(model, trial.bench)
    stage = build_stage("phase2", config, model, trial.bench.counts)
    stage.to(trial.bench.accelerator.device)
    trial.fit(stage, number=1, optim=config.phase2.optim, mean_share=_mean_share(trial))
    return stage


def _train_norm(trial: Trial) -> Stage:
    return _trained(trial, norms_of)


def _train_adapter(trial: Trial) -> Stage:
    options = AdapterOptions(bottleneck=trial.options.bottleneck)
    return _trained(trial, lambda vit: put_adapters(vit, options))


def _stages(epochs: int, options: PhaseOptions) -> tuple[int, ...]:
    return (epochs,) * options.phases


LPT_NORM = Rival(_train_norm, DEFAULTS, PhaseOptions, stages=_stages)
LPT_ADAPTER = Rival(_train_adapter, DEFAULTS, AdapterPhaseOptions, stages=_stages)
