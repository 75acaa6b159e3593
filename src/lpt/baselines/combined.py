"""Long-tailed prompt tuning with norms or adapters learned beside the shared prompts.

Source: LPT (Dong et al., ICLR 2023), table 15 ("LPT + norm", "LPT + adapters"). Departure: the
paper does not say in which phase they learn. Here norms or adapters learn with the shared prompts
in phase 1 and are fixed in phase 2, which is that of the run's configuration.
"""

import copy
from collections.abc import Callable
from typing import Literal

from torch import nn

from lpt.backbones import FrozenViT
from lpt.baselines.adapter import AdapterOptions, put_adapters
from lpt.baselines.trial import Rival, Trial
from lpt.baselines.tuned import norms_of
from lpt.config.sections import Count, Section
from lpt.model import LongTailedPromptModel
from lpt.training.phases import build_stage, prompt_shape
from lpt.training.stages import SharedStage, Stage

__all__ = ["LPT_ADAPTER", "LPT_NORM", "CombinedStage"]

Change = Callable[[FrozenViT], list[nn.Parameter]]

DEFAULTS = {"rate": 1e-3, "loss": "logit-adjustment"}
"""Loss and order as in phase 1 of the default recipe; a lower rate, for the backbone's weights."""


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
    device, config = bench.accelerator.device, bench.config
    model = LongTailedPromptModel(
        copy.deepcopy(bench.backbone),
        bench.data.num_classes,
        prompt_shape(config),
        dropout=config.classifier.dropout,
    )
    first = CombinedStage(trial.name, model, change, trial).to(device).eval()
    trial.start(model.classifier, lambda images: model.phase1(images).query)
    trial.fit(first)
    if trial.options.phases == 1:
        return first
    model.backbone.requires_grad_(False)
    return _second(trial, model)


def _second(trial: Trial, model: LongTailedPromptModel) -> Stage:
    """Phase 2 as a run has it, on images augmented afresh."""
    config = trial.bench.config
    if config.prompts.key_init == "queries":
        queries, _ = trial.features(lambda images: model.phase1(images).query)
        model.pool.start_keys(queries, seed=config.seed)
    if config.prompts.group_init == "shared":
        model.pool.start_prompts(model.shared.prompts[model.split :], seed=config.seed)
    stage = build_stage("phase2", config, model, trial.bench.counts)
    stage.to(trial.bench.accelerator.device)
    trial.fit(stage, number=1, optim=config.phase2.optim)
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
