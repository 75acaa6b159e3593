"""Classification losses on cosine logits: pure functions, one value an image.

Every function takes cosines of feature and class weights in [-1, 1], (B, C), and labels (B,), and
returns (B,): the caller averages or weights. Cosines are multiplied by `scale` (an inverse
temperature, no unit) before the softmax; margins are in cosines, before it. Class counts are
training images a class; a class without images counts as one, so that nothing is infinite.
Results keep the cosines' dtype; float32 or wider is meant.

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

# Ranges of the options, read by `build_loss`; calling a function directly does not check them.
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0, le=1)]
BelowOne = Annotated[float, Field(ge=0, lt=1)]


def cross_entropy(
    cosine: Float[Tensor, "B C"], labels: Int[Tensor, " B"], *, scale: Positive = 20.0
) -> Float[Tensor, " B"]:
    """Softmax cross-entropy of scaled cosines: -log softmax(scale * cosine)[y].

    Source: of scaled cosines, NormFace (Wang, Xiang, Cheng and Yuille, ACM MM 2017).
    """
    return F.cross_entropy(scale * cosine, labels, reduction="none")


def focal(
    cosine: Float[Tensor, "B C"],
    labels: Int[Tensor, " B"],
    *,
    scale: Positive = 20.0,
    gamma: NonNegative = 2.0,
) -> Float[Tensor, " B"]:
    """Cross-entropy that fades for images already classified well: -(1 - p_y)^gamma log p_y.

    `gamma` 0 is cross-entropy.

    Source: Lin, Goyal, Girshick, He and Dollar, ICCV 2017, equation 4. Departure: p is the softmax
    over classes, one probability an image, where the paper has one sigmoid a class and an alpha.
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
    """Cross-entropy with a margin on the true class, larger for rare classes.

    margin_y = c / n_y^(1/4), with c such that the rarest class gets `max_margin` (cosine units).

    Source: LDAM; Cao, Wei, Gaidon, Arechiga and Ma, NeurIPS 2019, section 3.2; the scaling of c is
    that of their code. Departure: scale 20, theirs is 30. Deferred re-weighting (DRW) is a
    schedule, not a loss, and is left to the caller.
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
    """Cross-entropy of scale * cosine + tau * log(class frequency); predict without the shift.

    The shift is added after scaling, so `tau` 1 is the consistent choice for balanced error
    whatever the scale. `tau` 0 is cross-entropy.

    Source: Menon, Jayasumana, Rawat, Jain, Veit and Kumar, ICLR 2021, equation 10. Departure:
    cosines in place of free logits.
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
    """Softmax whose classes weigh as many as their images: n_y e^v_y / sum_i n_i e^v_i.

    The same as `logit_adjustment` with tau = 1; named apart because the field does.

    Source: Ren, Yu, Sheng, Ma, Zhao, Yi and Li, NeurIPS 2020, section 3. Departure: cosines in
    place of free logits; the meta sampler is not part of it.
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
    """Focal loss weighted by the inverse effective number of images, (1 - beta) / (1 - beta^n).

    `beta` 0 weighs all classes alike, `beta` towards 1 by 1/n. `gamma` 0 is weighted cross-entropy.

    Source: Cui, Jia, Lin, Song and Belongie, CVPR 2019, sections 3.2 and 4. Departure: weights
    average 1 over the classes that have training images (the paper: over all classes), so that
    empty classes do not shrink the others.
    """
    log_beta = math.log(beta) if beta > 0 else -math.inf
    wide = counts.clamp(min=1).to(torch.promote_types(cosine.dtype, torch.float32))
    weights = 1 / -torch.expm1(log_beta * wide)
    weights = (weights / weights[counts > 0].mean()).to(cosine.dtype)
    return weights[labels] * focal(cosine, labels, scale=scale, gamma=gamma)


def log_counts(counts: Int[Tensor, " C"], dtype: torch.dtype) -> Float[Tensor, " C"]:
    """log(max(n, 1)), taken in float32 or wider and returned as `dtype`."""
    wide = torch.promote_types(dtype, torch.float32)
    return counts.clamp(min=1).to(wide).log().to(dtype)


def lower_true_class(
    cosine: Float[Tensor, "B C"], labels: Int[Tensor, " B"], margin: float | Float[Tensor, " B"]
) -> Float[Tensor, "B C"]:
    """A copy of the cosines with the true class's lowered by `margin`."""
    margins = torch.zeros_like(cosine)
    margins[torch.arange(len(labels), device=labels.device), labels] = margin
    return cosine - margins


def power_of_complement(
    log_p: Float[Tensor, "*shape"], exponent: float
) -> Float[Tensor, "*shape"] | float:
    """(1 - p)^exponent from log p, with a finite gradient where p rounds to 1.

    For 0 < exponent < 1 the derivative grows without bound as p nears 1; 1 - p is therefore taken
    as -expm1(log p), which keeps its small digits, and held above 0.
    """
    if exponent == 0:
        return 1.0
    complement = (-torch.expm1(log_p)).clamp(min=torch.finfo(log_p.dtype).tiny)
    return complement.pow(exponent)
