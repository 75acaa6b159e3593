"""The cosine classifier."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from lpt.errors import ShapeError

__all__ = ["CosineClassifier", "class_means"]


class CosineClassifier(nn.Module):
    """One direction a class; a logit is the cosine of feature and direction, in [-1, 1].

    Attributes:
        weight: (C, D), raw; brought to unit length in every forward pass. Drawn uniform and scaled
            to unit length at the start, as the released code does.
        dropout: share of feature entries dropped in training, 0 by default.
    """

    def __init__(self, num_classes: int, width: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(
            F.normalize(torch.empty(num_classes, width).uniform_(-1, 1), dim=1)
        )
        self.dropout = dropout

    def forward(self, feature: Float[Tensor, "B D"]) -> Float[Tensor, "B C"]:
        """Cosines of features and class directions, always in float32."""
        if feature.shape[-1] != self.weight.shape[1]:
            raise ShapeError(
                f"feature of width {feature.shape[-1]} for class weights of {self.weight.shape[1]}"
            )
        dropped = F.dropout(feature, self.dropout, self.training)
        with torch.autocast(feature.device.type, enabled=False):
            return F.normalize(dropped.float(), dim=1) @ F.normalize(self.weight, dim=1).T

    @torch.no_grad()
    def start_from(self, means: Float[Tensor, "C D"]) -> None:
        """Point every class at its mean feature; a class whose mean is zero keeps its direction.

        Source: class-mean initialisation as in LIFT (Shi et al., ICML 2024), section 4.3.
        """
        known = means.norm(dim=1) > 0
        self.weight[known] = F.normalize(means[known].to(self.weight), dim=1)


def class_means(
    features: Float[Tensor, "n D"], labels: Int[Tensor, " n"], num_classes: int
) -> Float[Tensor, "C D"]:
    """Mean of the unit-length features of each class; zero for a class without images."""
    unit = F.normalize(features.float(), dim=1)
    sums = unit.new_zeros(num_classes, unit.shape[1]).index_add_(0, labels, unit)
    counts = torch.bincount(labels, minlength=num_classes).clamp(min=1).unsqueeze(1)
    return sums / counts
