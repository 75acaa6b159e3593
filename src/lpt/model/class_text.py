"""Classes described by text: their scores without training, and where a classifier starts."""

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from lpt.errors import ShapeError

__all__ = ["ClassText"]


@dataclass(frozen=True)
class ClassText:
    """Text features of all classes, and the map from image features to their space.

    Attributes:
        features: (C, E) unit length, in the joint space of images and text.
        projection: (D, E) of image features to that space; None if they lie in it.
        bias: (E,) of the projection; None for no bias.

    >>> text = ClassText(torch.eye(2))
    >>> text.scores(torch.tensor([[3.0, 4.0]]))
    tensor([[0.6000, 0.8000]])
    """

    features: Float[Tensor, "C E"]
    projection: Float[Tensor, "D E"] | None = None
    bias: Float[Tensor, " E"] | None = None

    @property
    def width(self) -> int:
        """D, the width of image features."""
        return (self.features if self.projection is None else self.projection.T).shape[1]

    def to(self, device: torch.device) -> "ClassText":
        """Return the same on another device."""
        return replace(
            self,
            features=self.features.to(device),
            projection=None if self.projection is None else self.projection.to(device),
            bias=None if self.bias is None else self.bias.to(device),
        )

    def scores(self, feature: Float[Tensor, "B D"]) -> Float[Tensor, "B C"]:
        """Compute the cosines of image and text in the joint space: zero-shot logits.

        Source: CLIP (Radford et al., ICML 2021, section 3.1.2).
        """
        if feature.shape[-1] != self.width:
            raise ShapeError(f"features of width {feature.shape[-1]} for text of {self.width}")
        with torch.autocast(feature.device.type, enabled=False):
            joint = feature.float()
            if self.projection is not None:
                joint = joint @ self.projection
            if self.bias is not None:
                joint = joint + self.bias
            return F.normalize(joint, dim=1) @ self.features.T

    def directions(self) -> Float[Tensor, "C D"]:
        """Return the directions of image features that give the zero-shot scores.

        The transpose W of the projection maps text back: a feature f and a text t have the product
        (f W) t = f (W t). So f and W t rank the classes as CLIP does, up to the length of W t. The
        pseudo-inverse gives the features whose projection is t, which rank differently.
        """
        return self.features if self.projection is None else self.features @ self.projection.T

    def start(
        self, means: Float[Tensor, "C D"], counts: Int[Tensor, " C"], kappa: float
    ) -> Float[Tensor, "C D"]:
        """Mix the text of each class with the mean feature of its images.

        Features of images and of text lie apart in CLIP's space. The mean over all classes of the
        directions is therefore replaced by that of the class means, and the deviations from it are
        scaled to the same size. Neither changes how text ranks the classes, before lengths are made
        equal. A class of n images takes its own mean with weight n / (n + kappa).

        Args:
            means: from `lpt.model.classifier.class_means`; zero for a class without images.
            counts: images that each mean was computed from.
            kappa: images whose mean has the same weight as text; 0 takes text for classes without
                images only.
        """
        known = means.norm(dim=1) > 0
        if not known.any():
            return self.directions()
        share = torch.where(known, counts / (counts + kappa).clamp(min=1e-9), 0.0).to(means)
        share = share.unsqueeze(1)
        centre = means[known].mean(0)
        of_images = (means - centre) * known.unsqueeze(1)
        text = self.directions().to(means)
        of_text = text - text.mean(0)
        trusted = (counts / (counts + 1)).to(means) * known  # a mean of few images is mostly noise
        size = (trusted * of_images.square().sum(1)).sum() / trusted.sum()
        of_text = of_text * (size / of_text.square().sum(1).mean().clamp(min=1e-12)).sqrt()
        mixed: Tensor = centre + share * of_images + (1 - share) * of_text
        return mixed
