"""A linear probe on fixed features, at which a classifier can start."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from lpt.losses.functional import logit_adjustment
from lpt.model.classifier import class_means
from lpt.random_streams import Stream, random_stream

__all__ = ["fit_probe"]

STEPS = 100
LEARNING_RATE = 0.06
SCALE = 20.0
"""Chosen on sets nested in training images (experiments/2026-11-29_default_features): more and
larger steps fit the training images better, and rare classes of other images worse."""

MOST_IMAGES = 4096
"""Of a step. From more features, each step draws as many."""


def fit_probe(
    features: Float[Tensor, "n D"], labels: Int[Tensor, " n"], num_classes: int, *, seed: int = 0
) -> Float[Tensor, "C D"]:
    """Fit class directions to features by a few steps from the class means.

    The loss is logit-adjusted cross-entropy of the cosines, the optimiser SGD with momentum and a
    cosine schedule. A prompt that is then trained need not move the features to where the class
    means can tell them apart. Starting at a probe keeps pre-trained features from distortion (Kumar
    et al., ICLR 2022, LP-FT).

    Args:
        features: of any length other than 0.
        labels: of the features. A class without features stays zero.
        seed: of the draws from more than `MOST_IMAGES` features.
    Returns: directions of unit length, float32.

    >>> features = torch.tensor([[1.0, 0.2], [1.0, -0.2], [0.2, 1.0]])
    >>> fit_probe(features, torch.tensor([0, 0, 1]), num_classes=3).shape
    torch.Size([3, 2])
    """
    unit = F.normalize(features.float(), dim=1)
    counts = torch.bincount(labels, minlength=num_classes)
    present = counts.nonzero().flatten()
    place = torch.zeros_like(counts).index_copy_(0, present, torch.arange(len(present)))
    start = class_means(unit, labels, num_classes)[present]
    rows, own = place[labels], counts[present]
    with torch.enable_grad():
        weight = F.normalize(start, dim=1).requires_grad_()
        optimiser = torch.optim.SGD([weight], lr=LEARNING_RATE, momentum=0.9)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)
        random = random_stream(seed, Stream.PROBE)
        for _ in range(STEPS):
            batch = torch.arange(len(unit))
            if len(unit) > MOST_IMAGES:
                batch = torch.from_numpy(random.integers(len(unit), size=MOST_IMAGES))
            cosines = unit[batch] @ F.normalize(weight, dim=1).T
            loss = logit_adjustment(cosines, rows[batch], own, scale=SCALE).mean()
            (weight.grad,) = torch.autograd.grad(loss, weight)
            optimiser.step()
            schedule.step()
    directions = unit.new_zeros(num_classes, unit.shape[1])
    directions[present] = F.normalize(weight.detach(), dim=1)
    return directions
