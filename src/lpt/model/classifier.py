"""The cosine classifier."""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from lpt.errors import ShapeError

__all__ = ["CosineClassifier", "class_means"]


class CosineClassifier(nn.Module):
    """One direction per class; a logit is the cosine of feature and direction, in [-1, 1].

    Args:
        num_classes: C.
        width: D.
        dropout: probability that a feature entry is dropped, in training only.

    Attributes:
        weight: (C, D), not normalised; every forward pass scales it to unit length. Initialised
            uniform and scaled to unit length, as in the released code.

    >>> classifier = CosineClassifier(num_classes=2, width=2)
    >>> _ = classifier.weight.data.copy_(torch.tensor([[2.0, 0.0], [0.0, 5.0]]))
    >>> classifier(torch.tensor([[3.0, 4.0]])).detach()
    tensor([[0.6000, 0.8000]])
    """

    def __init__(self, num_classes: int, width: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(
            F.normalize(torch.empty(num_classes, width).uniform_(-1, 1), dim=1)
        )
        self.dropout = dropout

    def draw_dropout_mask(self, images: int) -> Bool[Tensor, "images D"] | None:
        """Draw the entries of each feature that dropout keeps, from torch's CPU generator.

        Args:
            images: number of features.
        Returns: True where an entry is kept; None if all are: in eval mode, and without dropout.
        """
        if not (self.training and self.dropout):
            return None
        return torch.rand(images, self.weight.shape[1]) >= self.dropout

    def forward(
        self, feature: Float[Tensor, "B D"], dropout_mask: Bool[Tensor, "B D"] | None = None
    ) -> Float[Tensor, "B C"]:
        """Compute cosines of features and class directions, in float32 even under autocast.

        Args:
            feature: of any length.
            dropout_mask: from `draw_dropout_mask`; None draws one.
        Raises: ShapeError if D is not the width of the class weights.
        """
        if feature.shape[-1] != self.weight.shape[1]:
            raise ShapeError(
                f"feature of width {feature.shape[-1]} for class weights of {self.weight.shape[1]}"
            )
        dropout_mask = (
            self.draw_dropout_mask(len(feature)) if dropout_mask is None else dropout_mask
        )
        if dropout_mask is not None:
            feature = feature * dropout_mask.to(feature.device) / (1 - self.dropout)
        with torch.autocast(feature.device.type, enabled=False):
            return F.normalize(feature.float(), dim=1) @ F.normalize(self.weight, dim=1).T

    @torch.no_grad()
    def start_at(self, means: Float[Tensor, "C D"]) -> None:
        """Set every class to its mean feature; a class whose mean is zero keeps its direction.

        Source: class-mean initialisation as in LIFT (Shi et al., ICML 2024), section 4.3.
        """
        known = means.norm(dim=1) > 0
        self.weight[known] = F.normalize(means[known].to(self.weight), dim=1)

    @torch.no_grad()
    def interpolate_towards(self, means: Float[Tensor, "C D"], share: float) -> None:
        """Rotate every class towards its mean feature; lengths are unchanged.

        The new direction is (1 - share) * direction + share * mean, both of unit length. A class
        whose mean is zero is unchanged.

        Args:
            means: from `class_means`.
            share: 0 changes nothing, 1 takes the means.
        """
        known = means.norm(dim=1) > 0
        weight = self.weight[known]
        mean = F.normalize(means[known].to(weight), dim=1)
        turned = F.normalize(torch.lerp(F.normalize(weight, dim=1), mean, share), dim=1)
        self.weight[known] = weight.norm(dim=1, keepdim=True) * turned


def class_means(
    features: Float[Tensor, "n D"], labels: Int[Tensor, " n"], num_classes: int
) -> Float[Tensor, "C D"]:
    """Average the unit-length features of each class; zero for a class without images.

    >>> features = torch.tensor([[3.0, 0.0], [0.0, 1.0], [0.0, 5.0]])
    >>> class_means(features, torch.tensor([0, 0, 1]), num_classes=3)
    tensor([[0.5000, 0.5000],
            [0.0000, 1.0000],
            [0.0000, 0.0000]])
    """
    unit = F.normalize(features.float(), dim=1)
    sums = unit.new_zeros(num_classes, unit.shape[1]).index_add_(0, labels, unit)
    counts = torch.bincount(labels, minlength=num_classes).clamp(min=1).unsqueeze(1)
    return sums / counts
