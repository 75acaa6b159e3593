"""Optimiser and learning-rate schedule. The schedule is a function of the step, without state."""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import nn

from lpt.config import OptimConfig

__all__ = ["ROLES", "build_optimizer", "schedule", "set_lrs"]

ROLES = ("prompts", "adapters", "keys", "backbone", "classifier")
"""Roles of parameters (param groups); each role may have its own learning rate.

"backbone" stands for trainable parameters in a copy of the backbone: its own or added ones.
"""

REFERENCE_BATCH = 256
"""Batch size that learning rates refer to under linear scaling, per branch (method, section 6)."""


def build_optimizer(
    config: OptimConfig,
    groups: Mapping[str, Sequence[nn.Parameter]],
    batch: int,
    lr_factors: Mapping[nn.Parameter, float] | None = None,
) -> torch.optim.Optimizer:
    """Build the optimiser for param groups by role; weight decay applies to every group.

    The peak learning rate of each group is stored in it as "peak" (see `set_lrs`).

    Args:
        groups: parameters by role; the roles are a subset of `ROLES`.
        batch: images per step and branch, for linear scaling.
        lr_factors: of parameters whose learning rate is this multiple of their role's.
    """
    role_lrs = config.role_lrs
    factor = batch / REFERENCE_BATCH if config.scale_lr else 1.0
    param_groups = [
        {"params": some, "peak": own * factor * (role_lrs.get(role) or config.lr)}
        for role in ROLES
        for own, some in _by_factor(groups.get(role, ()), lr_factors or {}).items()
    ]
    if config.name == "sgd":
        return torch.optim.SGD(
            param_groups,
            lr=config.lr,
            momentum=config.momentum,
            weight_decay=config.weight_decay,
        )
    return torch.optim.AdamW(param_groups, lr=config.lr, weight_decay=config.weight_decay)


def _by_factor(
    parameters: Sequence[nn.Parameter], factors: Mapping[nn.Parameter, float]
) -> dict[float, list[nn.Parameter]]:
    found: dict[float, list[nn.Parameter]] = {}
    for parameter in parameters:
        found.setdefault(factors.get(parameter, 1.0), []).append(parameter)
    return found


def schedule(step: int, steps_per_epoch: int, epochs: int, warmup_epochs: float) -> float:
    """Return the fraction of the peak learning rate at a step: linear warm-up, then cosine decay.

    Warm-up is limited to a quarter of the phase, so that short runs still train.

    Args:
        step: counted from 0 over the whole phase.
        warmup_epochs: length of the warm-up; may be fractional.
    Returns: a fraction in (0, 1].

    >>> [round(schedule(step, 4, 5, warmup_epochs=1), 2) for step in (0, 3, 4, 12)]
    [0.2, 0.8, 1.0, 0.5]
    """
    total = steps_per_epoch * epochs
    warmup = min(warmup_epochs * steps_per_epoch, total / 4)
    if step < warmup:
        return (step + 1) / (warmup + 1)
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1.0, total - warmup)))


def set_lrs(optimizer: torch.optim.Optimizer, share: float) -> None:
    """Set the learning rate of every param group to this fraction of its peak."""
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * share
