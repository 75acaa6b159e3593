"""The two phases built from a configuration."""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from lpt.backbones import FrozenViT
from lpt.config import LossConfig, PhaseConfig, RunConfig
from lpt.losses import Phase2Settings, build_loss, instance_loss
from lpt.losses.named_losses import Loss
from lpt.model.two_pass import LongTailedPromptModel, PromptShape
from lpt.training.engine.sampling_plan import EpochPlan
from lpt.training.engine.stage import Branch, Stage, branches_of
from lpt.training.phases.prompt_stages import GroupStage, SharedStage

__all__ = ["PHASES", "build_model", "build_stage", "plan_of"]

PHASES = ("phase1", "phase2")
"""Names of the stages in order; a position's stage number is an index here."""


def build_model(
    config: RunConfig,
    backbone: FrozenViT,
    num_classes: int,
    kind: type[LongTailedPromptModel] = LongTailedPromptModel,
) -> LongTailedPromptModel:
    """Make a model with a run's P, K, M, T and dropout.

    Raises: ConfigError if they do not fit the backbone.
    """
    prompts = config.prompts
    shape = PromptShape(prompts.length, prompts.shared_blocks, prompts.pool_size, prompts.top_k)
    return kind(backbone, num_classes, shape, dropout=config.classifier.dropout)


def build_stage(
    name: str, config: RunConfig, model: LongTailedPromptModel, counts: Tensor
) -> Stage:
    """Make phase 1 or phase 2 for a model.

    Args:
        counts: (C,) training images a class, for the losses.
    """
    mixup = config.augment.mixup
    if name == "phase1":
        phase = config.phase1
        loss = _loss(phase.loss, counts)
        return SharedStage(model, _branches(phase, loss, loss), mixup)
    group = config.phase2
    loss = _loss(group.loss, counts)
    settings = Phase2Settings(
        key_weight=group.key_weight,
        weight_key_term=group.weight_key_term,
        instance_lambda_pos=group.instance_lambda_pos,
        instance_lambda_neg=group.instance_lambda_neg,
    )
    branches = _branches(group, loss, instance_loss(loss, settings))
    return GroupStage(model, branches, settings, mixup)


def plan_of(stage: Stage, config: RunConfig, labels: npt.NDArray[np.int64]) -> EpochPlan:
    """The order of images of a stage."""
    phase: PhaseConfig = getattr(config, stage.name)
    return EpochPlan.of(
        stage.branches,
        labels=labels,
        batch=phase.batch_size,
        epochs=phase.epochs,
        seed=config.seed,
        stage=PHASES.index(stage.name),
        epoch_images=phase.epoch_images,
        views=getattr(phase, "cached_views", 0),
    )


def _loss(config: LossConfig, counts: Tensor) -> Loss:
    return build_loss(config.name, counts.to(torch.int64), **config.options)


def _branches(phase: PhaseConfig, loss: Loss, instance: Loss) -> list[Branch]:
    return branches_of(phase.sampler, loss, instance, phase.dual_sampler, phase.eta)
