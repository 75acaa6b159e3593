"""Classification losses on cosine logits: pure functions, one value per image.

Every function takes cosines of feature and class weights in [-1, 1], (B, C), and labels (B,), and
returns (B,); the caller averages or weights. Cosines are multiplied by `scale` (an inverse
temperature, without unit) before the softmax; margins are in cosines, before scaling. `counts` are
training images per class; a class without images counts as one, so that nothing is infinite.
Results keep the cosines' dtype, which should be float32 or wider.

A-GCL and GCL, which also take noise, are in `lpt.losses.agcl`.
"""

import math
from typing import Annotated

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor

__all__ = [
    "balanced_softmax",
    "class_balanced",
    "cross_entropy",
    "focal",
    "ldam",
    "logit_adjustment",
]

# Ranges of the options. `build_loss` checks them; calling a function directly does not.
# The largest values keep the loss finite in float32.
Positive = Annotated[float, Field(ge=1e-3, le=1e4, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, le=1e4, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
BelowOne = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]


def cross_entropy(
    cosine: Float[Tensor, "B C"], labels: Int[Tensor, " B"], *, scale: Positive = 20.0
) -> Float[Tensor, " B"]:
    """Compute softmax cross-entropy of scaled cosines: -log softmax(scale * cosine)[y].

    Source: NormFace (Wang, Xiang, Cheng and Yuille, ACM MM 2017), for scaled cosines.

    >>> cross_entropy(torch.tensor([[0.5, 0.4]]), torch.tensor([0]))
    tensor([0.1269])
    """
    return F.cross_entropy(scale * cosine, labels, reduction="none")


def focal(
    cosine: Float[Tensor, "B C"],
    labels: Int[Tensor, " B"],
    *,
    scale: Positive = 20.0,
    gamma: NonNegative = 2.0,
) -> Float[Tensor, " B"]:
    """Compute the focal loss, -(1 - p_y)^gamma log p_y, which down-weights easy images.

    With `gamma` 0 it is cross-entropy.

    Source: Lin, Goyal, Girshick, He and Dollar, ICCV 2017, equation 4. Departure: p is the softmax
    over classes; the paper has one sigmoid per class, and an alpha.

    >>> focal(torch.tensor([[0.5, 0.4]]), torch.tensor([0]), gamma=2.0)
    tensor([0.0018])
    """
    log_p = -cross_entropy(cosine, labels, scale=scale)
    return -power_of_complement(log_p, gamma) * log_p


def ldam(
    cosine: Float[Tensor, "B C"],
    labels: Int[Tensor, " B"],
    counts: Int[Tensor, " C"],
    *,
    scale: Positive = 20.0,
    max_margin: NonNegative = 0.5,
) -> Float[Tensor, " B"]:
    """Compute cross-entropy with a margin on the true class, which is larger for rare classes.

    margin_y = c / n_y^(1/4), with c such that the rarest class gets `max_margin` (cosine units).

    Source: LDAM; Cao, Wei, Gaidon, Arechiga and Ma, NeurIPS 2019, section 3.2; the scaling of c is
    that of their code. Departure: scale 20; theirs is 30. Deferred re-weighting (DRW) is a
    schedule, not a loss, and is left to the caller.

    >>> cosine, labels = torch.tensor([[0.5, 0.4], [0.4, 0.5]]), torch.tensor([0, 1])
    >>> ldam(cosine, labels, torch.tensor([625, 16]))
    tensor([2.1269, 8.0003])
    """
    margins = (-0.25 * log_counts(counts, cosine.dtype)).exp()
    margins = margins * (max_margin / margins.max())
    return cross_entropy(lower_true_class(cosine, labels, margins[labels]), labels, scale=scale)


def logit_adjustment(
    cosine: Float[Tensor, "B C"],
    labels: Int[Tensor, " B"],
    counts: Int[Tensor, " C"],
    *,
    scale: Positive = 20.0,
    tau: NonNegative = 1.0,
) -> Float[Tensor, " B"]:
    """Compute cross-entropy of scale * cosine + tau * log(class frequency).

    Prediction omits the shift. It is added after scaling, so `tau` 1 is consistent with balanced
    error at any scale. With `tau` 0 it is cross-entropy.

    Source: Menon, Jayasumana, Rawat, Jain, Veit and Kumar, ICLR 2021, equation 10. Departure:
    cosines in place of unbounded logits.

    >>> cosine, labels = torch.tensor([[0.5, 0.4], [0.4, 0.5]]), torch.tensor([0, 1])
    >>> logit_adjustment(cosine, labels, torch.tensor([90, 10]))
    tensor([0.0149, 0.7966])
    """
    shift = tau / scale * log_counts(counts, cosine.dtype)
    return cross_entropy(cosine + shift, labels, scale=scale)


def balanced_softmax(
    cosine: Float[Tensor, "B C"],
    labels: Int[Tensor, " B"],
    counts: Int[Tensor, " C"],
    *,
    scale: Positive = 20.0,
) -> Float[Tensor, " B"]:
    """Compute -log of a softmax weighted by class counts: n_y e^v_y / sum_i n_i e^v_i.

    It equals `logit_adjustment` with tau = 1; both names are in use.

    Source: Ren, Yu, Sheng, Ma, Zhao, Yi and Li, NeurIPS 2020, section 3. Departure: cosines in
    place of unbounded logits; the meta sampler is not included.

    >>> balanced_softmax(torch.zeros(2, 2), torch.tensor([0, 1]), torch.tensor([3, 1]))
    tensor([0.2877, 1.3863])
    """
    return logit_adjustment(cosine, labels, counts, scale=scale, tau=1.0)


def class_balanced(
    cosine: Float[Tensor, "B C"],
    labels: Int[Tensor, " B"],
    counts: Int[Tensor, " C"],
    *,
    scale: Positive = 20.0,
    beta: BelowOne = 0.9999,
    gamma: NonNegative = 0.0,
) -> Float[Tensor, " B"]:
    """Compute the focal loss weighted by (1 - beta) / (1 - beta^n), the inverse effective number.

    With `beta` 0 all classes have the same weight; as `beta` approaches 1, weights approach 1/n.
    With `gamma` 0 it is weighted cross-entropy.

    Source: Cui, Jia, Lin, Song and Belongie, CVPR 2019, sections 3.2 and 4. Departure: weights
    average 1 over the classes that have training images (the paper: over all classes), so that
    empty classes do not reduce the others' weights.

    >>> class_balanced(torch.zeros(2, 2), torch.tensor([0, 1]), torch.tensor([1, 2]), beta=0.5)
    tensor([0.8318, 0.5545])
    """
    weights = inverse_effective_number(counts, beta, cosine.dtype)
    weights = (weights / weights[counts > 0].mean()).to(cosine.dtype)
    return weights[labels] * focal(cosine, labels, scale=scale, gamma=gamma)


def inverse_effective_number(
    counts: Int[Tensor, " C"], beta: float, dtype: torch.dtype
) -> Float[Tensor, " C"]:
    """Compute 1 / (1 - beta^max(n, 1)) in `dtype`, or in float32 if that is wider.

    Source: Cui et al., CVPR 2019, section 3.2, without the factor 1 - beta.
    """
    log_beta = math.log(beta) if beta > 0 else -math.inf
    wide = counts.clamp(min=1).to(torch.promote_types(dtype, torch.float32))
    return 1 / -torch.expm1(log_beta * wide)


def log_counts(counts: Int[Tensor, " C"], dtype: torch.dtype) -> Float[Tensor, " C"]:
    """Compute log(max(n, 1)) in float32 or wider, and return it as `dtype`."""
    wide = torch.promote_types(dtype, torch.float32)
    return counts.clamp(min=1).to(wide).log().to(dtype)


def lower_true_class(
    cosine: Float[Tensor, "B C"], labels: Int[Tensor, " B"], margin: float | Float[Tensor, " B"]
) -> Float[Tensor, "B C"]:
    """Return a copy of the cosines with the true class's cosine lowered by `margin`."""
    margins = torch.zeros_like(cosine)
    margins[torch.arange(len(labels), device=labels.device), labels] = margin
    return cosine - margins


def power_of_complement(
    log_p: Float[Tensor, "*shape"], exponent: float
) -> Float[Tensor, "*shape"] | float:
    """Compute (1 - p)^exponent from log p, with a finite gradient where p rounds to 1.

    For 0 < exponent < 1 the derivative is unbounded as p approaches 1, so 1 - p is computed as
    -expm1(log p), which keeps its small digits, and clamped above 0.
    """
    if exponent == 0:
        return 1.0
    complement = (-torch.expm1(log_p)).clamp(min=torch.finfo(log_p.dtype).tiny)
    return complement.pow(exponent)
