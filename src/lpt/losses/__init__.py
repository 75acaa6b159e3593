"""Classification losses for long-tailed data, and the objectives of the two phases."""

from lpt.losses.agcl import AGCL_PAPER, AGCL_RELEASED, AGCLSettings, agcl, draw_noise, gcl
from lpt.losses.named_losses import (
    LOSSES,
    BoundLoss,
    Loss,
    build_loss,
    check_loss,
    loss_names,
    register_loss,
)
from lpt.losses.objectives import (
    PHASE2_PAPER,
    PHASE2_RELEASED,
    Phase2Settings,
    Terms,
    classification_objective,
    eta_weight,
    instance_loss,
    mixed,
    phase2_objective,
)

__all__ = [
    "AGCL_PAPER",
    "AGCL_RELEASED",
    "LOSSES",
    "PHASE2_PAPER",
    "PHASE2_RELEASED",
    "AGCLSettings",
    "BoundLoss",
    "Loss",
    "Phase2Settings",
    "Terms",
    "agcl",
    "build_loss",
    "check_loss",
    "classification_objective",
    "draw_noise",
    "eta_weight",
    "gcl",
    "instance_loss",
    "loss_names",
    "mixed",
    "phase2_objective",
    "register_loss",
]
