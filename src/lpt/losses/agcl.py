"""Gaussian clouded logits: GCL and its asymmetric form A-GCL, the loss of LPT.

Both lower the cosine of class i by a random amount that increases with the class's rarity,

    v_i = scale * (cosine_i - noise_scale * shift_i * |eps_i| - margin * [i is the true class])
    shift_i = log n_max - log n_i,          eps ~ Normal(0, 1/3), clamped to [-1, 1],

so that rare classes need a larger margin. The noise is drawn for every image and class of every
step, in training only.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from lpt.losses.functional import (
    Fraction,
    NonNegative,
    Positive,
    log_counts,
    lower_true_class,
    power_of_complement,
)

__all__ = ["AGCL_PAPER", "AGCL_RELEASED", "AGCLSettings", "agcl", "draw_noise", "gcl", "rarity"]


@dataclass(frozen=True)
class AGCLSettings:
    """The options of A-GCL, named as the arguments of `agcl`."""

    scale: float
    margin: float
    noise_scale: float
    normalise_shift: bool
    lambda_pos: float
    lambda_neg: float
    label_smoothing: float | None


AGCL_PAPER = AGCLSettings(
    scale=20.0,
    margin=0.0,
    noise_scale=1.0,
    normalise_shift=False,
    lambda_pos=0.0,
    lambda_neg=4.0,
    label_smoothing=None,
)
"""As printed. The shift reaches log(n_max / n_min), 6.9 on Places-LT, for cosines in [-1, 1]."""

AGCL_RELEASED = AGCLSettings(
    scale=20.0,
    margin=0.1,
    noise_scale=0.5,
    normalise_shift=True,
    lambda_pos=0.0,
    lambda_neg=4.0,
    label_smoothing=0.1,
)
"""As in the authors' code, with which the published checkpoint was trained."""


def agcl(
    cosine: Float[Tensor, "B C"],
    labels: Int[Tensor, " B"],
    counts: Int[Tensor, " C"],
    *,
    noise: Float[Tensor, "B C"] | None = None,
    scale: Positive = 20.0,
    margin: NonNegative,
    noise_scale: NonNegative,
    normalise_shift: bool,
    lambda_pos: NonNegative,
    lambda_neg: NonNegative,
    label_smoothing: Fraction | None,
) -> Float[Tensor, " B"]:
    """Compute the asymmetric Gaussian clouded logit loss, one value per image.

    With p = softmax(v) of the clouded logits v (see the module) and the true class y,

        a * -(1 - p_y)^lambda_pos * log p_y  +  b * sum over i != y of -p_i^lambda_neg * log p_i.

    Args:
        cosine: cosines of feature and class weights, in [-1, 1].
        labels: class indices.
        counts: training images per class; 0 counts as 1.
        noise: from `draw_noise`; its absolute value is used. None outside training.
        scale: inverse temperature of the softmax (the paper's alpha, which it does not give).
        margin: subtracted from the true class's cosine.
        noise_scale: factor of the noise, in cosines.
        normalise_shift: whether to divide the shift by its maximum, so that it lies in [0, 1].
        lambda_pos: focal exponent of the true class; 0 turns it off.
        lambda_neg: exponent that suppresses the terms of improbable classes.
        label_smoothing: None for a = b = 1; a number s for a = 1 - s + s/C and b = s/C.
    Source: LPT (Dong, Zhou, Yan and Zuo, ICLR 2023), section 4.2, which prints the terms without
    their minus signs. The authors' code differs: compare `AGCL_PAPER` and `AGCL_RELEASED`.

    >>> from dataclasses import asdict
    >>> cosine, labels = torch.tensor([[0.2, 0.5]]), torch.tensor([1])
    >>> noise = torch.tensor([[-0.3, 0.1]])
    >>> agcl(cosine, labels, torch.tensor([7, 1]), noise=noise, **asdict(AGCL_PAPER))
    tensor([0.1149])
    """
    clouded = _cloud(cosine, counts, noise, noise_scale, normalise_shift)
    log_p = F.log_softmax(scale * lower_true_class(clouded, labels, margin), dim=-1)
    true_class = labels[:, None]
    log_true = log_p.gather(1, true_class).squeeze(1)
    positive = -power_of_complement(log_true, lambda_pos) * log_true
    others = (-(lambda_neg * log_p).exp() * log_p).scatter(1, true_class, 0.0).sum(1)
    if label_smoothing is None:
        return positive + others
    share = label_smoothing / cosine.shape[1]
    return (1 - label_smoothing + share) * positive + share * others


def gcl(
    cosine: Float[Tensor, "B C"],
    labels: Int[Tensor, " B"],
    counts: Int[Tensor, " C"],
    *,
    noise: Float[Tensor, "B C"] | None = None,
    scale: Positive = 20.0,
    margin: NonNegative = 0.0,
    noise_scale: NonNegative = 0.5,
    normalise_shift: bool = True,
) -> Float[Tensor, " B"]:
    """Compute cross-entropy of the clouded logits: A-GCL with label smoothing 0 and lambda_pos 0.

    Source: Li, Cheung and Lu, CVPR 2022, section 3. The defaults of shift and noise are those of
    the authors' code in its first stage. Departure: scale 20; theirs is 30. Their second stage,
    which trains only the classifier, is left to the caller.

    >>> cosine, labels = torch.tensor([[0.5, 0.4], [0.4, 0.5]]), torch.tensor([0, 1])
    >>> gcl(cosine, labels, torch.tensor([90, 10]), noise=torch.full((2, 2), 0.1))
    tensor([0.0486, 0.3133])
    """
    clouded = _cloud(cosine, counts, noise, noise_scale, normalise_shift)
    lowered = lower_true_class(clouded, labels, margin)
    return F.cross_entropy(scale * lowered, labels, reduction="none")


def rarity(
    counts: Int[Tensor, " C"], dtype: torch.dtype, *, normalise: bool
) -> Float[Tensor, " C"]:
    """Compute shift_i = log n_max - log n_i >= 0, divided by its maximum if `normalise`.

    Equal counts give zeros in both cases.

    >>> rarity(torch.tensor([100, 10, 1]), torch.float32, normalise=True)
    tensor([0.0000, 0.5000, 1.0000])
    """
    logs = log_counts(counts, dtype)
    shift = logs.max() - logs
    if normalise:
        shift = shift / shift.max().clamp(min=torch.finfo(dtype).tiny)
    return shift


def draw_noise(
    shape: tuple[int, int],
    *,
    generator: torch.Generator | None = None,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> Float[Tensor, "B C"]:
    """Draw noise for every image and class: Normal(0, 1/3), clamped to [-1, 1].

    It is drawn on the generator's device and then moved, so a CPU generator gives the same noise on
    every device.

    Args:
        shape: (B, C).
        generator: None for torch's default generator of `device`.
        device, dtype: of the result.

    >>> noise = draw_noise((2, 3), generator=torch.Generator().manual_seed(0))
    >>> noise.shape, bool((noise.abs() <= 1).all())
    (torch.Size([2, 3]), True)
    """
    source = generator.device if generator is not None else device
    noise = torch.randn(shape, generator=generator, device=source, dtype=dtype) / 3
    return noise.clamp(-1, 1).to(device)


def _cloud(
    cosine: Float[Tensor, "B C"],
    counts: Int[Tensor, " C"],
    noise: Float[Tensor, "B C"] | None,
    noise_scale: float,
    normalise_shift: bool,
) -> Float[Tensor, "B C"]:
    if noise is None:
        return cosine
    shift = rarity(counts, cosine.dtype, normalise=normalise_shift)
    return cosine - noise_scale * shift * noise.abs().to(cosine.dtype)
