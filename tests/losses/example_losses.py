"""Losses as a user would write them: one that uses the epoch, one that uses the feature."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from lpt.losses import LOSSES, register_loss
from lpt.losses.functional import NonNegative, Positive
from lpt.records import Progress


def warming_focal(
    cosine: Float[Tensor, "B C"],
    labels: Int[Tensor, " B"],
    *,
    scale: Positive = 20.0,
    gamma: NonNegative = 2.0,
    progress: Progress,
) -> Float[Tensor, " B"]:
    """Focal loss whose exponent grows from 0 to gamma over the epochs."""
    log_p = -F.cross_entropy(scale * cosine, labels, reduction="none")
    exponent = gamma * progress.epoch / max(1, progress.epochs - 1)
    return -((1 - log_p.exp()) ** exponent) * log_p


def short_features(
    cosine: Float[Tensor, "B C"],
    labels: Int[Tensor, " B"],
    counts: Int[Tensor, " C"],
    *,
    scale: Positive = 20.0,
    weight: NonNegative = 0.01,
    feature: Float[Tensor, "B D"],
) -> Float[Tensor, " B"]:
    """Cross-entropy, and a penalty on long features of rare classes."""
    penalty = weight * feature.square().mean(1).to(cosine.dtype) / counts.clamp(min=1)[labels]
    return F.cross_entropy(scale * cosine, labels, reduction="none") + penalty


EXAMPLES = {"warming-focal": warming_focal, "short-features": short_features}


@contextmanager
def registered() -> Iterator[None]:
    """Register the examples, and remove them afterwards."""
    for name, function in EXAMPLES.items():
        register_loss(name, function)
    try:
        yield
    finally:
        for name in EXAMPLES:
            LOSSES.unregister(name)
