"""GCL with deferred re-weighting: rare classes weigh more once most of the training is done."""

from jaxtyping import Float, Int
from torch import Tensor

from lpt.losses.agcl import gcl
from lpt.losses.functional import (
    BelowOne,
    Fraction,
    NonNegative,
    Positive,
    inverse_effective_number,
)
from lpt.records import Progress

__all__ = ["gcl_drw"]


def gcl_drw(
    cosine: Float[Tensor, "B C"],
    labels: Int[Tensor, " B"],
    counts: Int[Tensor, " C"],
    *,
    noise: Float[Tensor, "B C"] | None = None,
    progress: Progress | None = None,
    scale: Positive = 25.0,
    margin: NonNegative = 0.1,
    noise_scale: NonNegative = 1.0,
    normalise_shift: bool = True,
    beta: BelowOne = 0.9998,
    start: Fraction = 0.85,
) -> Float[Tensor, " B"]:
    """Compute GCL, in the last epochs weighted by the inverse effective number of images.

    The weights (1 - beta) / (1 - beta^n) are scaled to average 1 over the training images.

    Args:
        cosine, labels, counts, noise: as for `lpt.losses.agcl.gcl`.
        progress: epoch of the step; None for no weights.
        scale, margin, noise_scale, normalise_shift: as for `lpt.losses.agcl.gcl`.
        beta: of the effective number; 0 for equal weights.
        start: share of the epochs after which the weights apply; at the latest in the last epoch.
    Source: the schedule is LDAM-DRW (Cao, Wei, Gaidon, Arechiga and Ma, NeurIPS 2019, section 3.3),
    the combination GNM-PT (Li et al., NeurIPS 2024), and the defaults are those of its authors'
    code for CIFAR-100-LT (the last 10 of 70 epochs). Departure: they divide the weights by their
    sum in each mini-batch, which would make the values of its images depend on each other.

    >>> import torch
    >>> cosine, labels = torch.tensor([[0.5, 0.4], [0.4, 0.5]]), torch.tensor([0, 1])
    >>> counts = torch.tensor([3, 1])
    >>> for epoch in (16, 17):
    ...     print(gcl_drw(cosine, labels, counts, progress=Progress(epoch, 20), beta=0.5))
    tensor([0.6931, 0.6931])
    tensor([0.5837, 1.0215])
    """
    values = gcl(
        cosine,
        labels,
        counts,
        noise=noise,
        scale=scale,
        margin=margin,
        noise_scale=noise_scale,
        normalise_shift=normalise_shift,
    )
    if progress is None or progress.epoch < min(start * progress.epochs, progress.epochs - 1):
        return values
    weights = inverse_effective_number(counts, beta, cosine.dtype)
    mean = (weights * counts).sum() / counts.sum()
    return (weights / mean).to(cosine.dtype)[labels] * values
