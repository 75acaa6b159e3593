"""Optimiser and schedule; the schedule is a pure function of the step, so it needs no state."""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import nn

from lpt.config import OptimConfig

__all__ = ["ROLES", "build_optimizer", "schedule", "set_lrs"]

ROLES = ("prompts", "keys", "backbone", "classifier")
"""Groups of parameters that may have a learning rate of their own.

"backbone": what learns in a copy of the backbone, its weights or layers put into it.
"""

REFERENCE_BATCH = 256
"""The batch that rates refer to where they scale with it (method: B is one branch's batch)."""


def build_optimizer(
    config: OptimConfig, groups: Mapping[str, Sequence[nn.Parameter]], batch: int
) -> torch.optim.Optimizer:
    """Make the optimiser for parameters grouped by role; decay covers all of them.

    Args:
        groups: parameters by role, a subset of `ROLES`.
        batch: images a step and branch.
    """
    own = config.role_lrs
    factor = batch / REFERENCE_BATCH if config.scale_lr else 1.0
    parameter_groups = [
        {"params": list(groups[role]), "peak": factor * (own.get(role) or config.lr)}
        for role in ROLES
        if groups.get(role)
    ]
    if config.name == "sgd":
        return torch.optim.SGD(
            parameter_groups,
            lr=config.lr,
            momentum=config.momentum,
            weight_decay=config.weight_decay,
        )
    return torch.optim.AdamW(parameter_groups, lr=config.lr, weight_decay=config.weight_decay)


def schedule(step: int, steps_per_epoch: int, epochs: int, warmup_epochs: float) -> float:
    """Share of the peak rate at a step: linear warm-up, then cosine to zero.

    A warm-up longer than a quarter of the phase is cut to that, so that short runs still learn.
    """
    total = steps_per_epoch * epochs
    warmup = min(warmup_epochs * steps_per_epoch, total / 4)
    if step < warmup:
        return (step + 1) / (warmup + 1)
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1.0, total - warmup)))


def set_lrs(optimizer: torch.optim.Optimizer, share: float) -> None:
    """Set every group's rate to this share of its peak."""
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * share
