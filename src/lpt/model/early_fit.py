"""The map of early matching, fitted in closed form, and the margin that "auto" relies on."""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

__all__ = ["fit_ridge", "smallest_margin"]


def fit_ridge(
    features: Float[Tensor, "n F"], targets: Float[Tensor, "n M"], strength: float
) -> tuple[Float[Tensor, "M F"], Float[Tensor, " M"]]:
    """Fit a linear map by ridge regression; the same input gives the same bits.

    Args:
        features: inputs, which are standardised for the fit.
        targets: outputs.
        strength: of the penalty, relative to the variance of a standardised feature.
    Returns: weight and bias in float32, for the features as they are.
    """
    x, y = features.double().cpu(), targets.double().cpu()
    mean, centre = x.mean(0), y.mean(0)
    spread = x.std(0, correction=0).clamp_min(1e-6 * float(x.abs().max()) + 1e-12)
    x = (x - mean) / spread
    covariance = x.T @ x / len(x) + strength * torch.eye(x.shape[1], dtype=x.dtype)
    weight = torch.linalg.solve(covariance, x.T @ (y - centre) / len(x)).T / spread
    return weight.float(), (centre - weight @ mean).float()


def smallest_margin(
    margins: Float[Tensor, " n"], agrees: Bool[Tensor, " n"], agreement: float
) -> float:
    """Return the smallest margin that gives an agreement if images below it get their query.

    Args:
        margins: of the images.
        agrees: whether the estimate matches what the query matches.
        agreement: share of images that must agree.

    >>> margins = torch.tensor([0.1, 0.2, 0.3, 0.4])
    >>> round(smallest_margin(margins, torch.tensor([False, True, False, True]), 0.75), 6)
    0.1
    >>> smallest_margin(margins, torch.tensor([True, True, True, True]), 0.99)
    0.0
    """
    wrong = margins[~agrees].sort(descending=True).values
    allowed = math.floor((1 - agreement) * len(margins) + 1e-9)
    if len(wrong) <= allowed:
        return 0.0
    return float(torch.nextafter(wrong[allowed], torch.tensor(math.inf)))
