"""Noise on the trained weights while a gradient is taken."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn

__all__ = ["noisy_weights"]


@contextmanager
@torch.no_grad()
def noisy_weights(weights: Sequence[nn.Parameter], size: float, seed: int) -> Iterator[None]:
    """Add Gaussian noise to weights for a while; afterwards they have the same bits as before.

    A gradient that is taken in between is that of a nearby point, which favours flat minima at the
    cost of a single backward pass.

    Args:
        weights: the trained weights.
        size: standard deviation of the noise, relative to the root mean square of each tensor.
        seed: of the noise. It is drawn on the CPU, so it is the same on every device.

    Source: GNM-PT (Li et al., NeurIPS 2024), Gaussian neighbourhood minimisation; the size relative
        to each tensor is ours.

    >>> weight = nn.Parameter(torch.ones(3))
    >>> with noisy_weights([weight], size=0.1, seed=0):
    ...     print(bool((weight != 1).all()))
    True
    >>> weight.tolist()
    [1.0, 1.0, 1.0]
    """
    kept = [weight.detach().clone() for weight in weights]
    generator = torch.Generator().manual_seed(seed)
    for weight in weights:
        noise = torch.randn(weight.shape, generator=generator, dtype=torch.float32)
        weight.add_(noise.to(weight), alpha=float(size * weight.square().mean().sqrt()))
    try:
        yield
    finally:
        for weight, value in zip(weights, kept, strict=True):
            weight.copy_(value)
