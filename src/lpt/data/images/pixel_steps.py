"""Steps of a transform without random numbers: resize, crop the centre, make a tensor.

They compute what torchvision's transforms of the same names compute, bit for bit. Importing those
imports torch's compiler, which takes longer than a prediction.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

__all__ = ["CenterCrop", "Resize", "ToTensor"]

_LARGEST = 255  # of 8 bits


@dataclass(frozen=True)
class Resize:
    """Scale an image.

    Attributes:
        size: in pixels.
        squash: whether both sides become `size`, or the short one, and the aspect stays.
        resample: filter.
    """

    size: int
    squash: bool
    resample: Image.Resampling

    def __call__(self, image: Image.Image) -> Image.Image:
        """Scale one image; one of the right size is returned as it is."""
        width = height = self.size
        if not self.squash:
            short, long = sorted(image.size)
            scaled = int(self.size * long / short)
            width, height = (self.size, scaled) if image.width <= image.height else (scaled, width)
        if (width, height) == image.size:
            return image
        return image.resize((width, height), self.resample)


@dataclass(frozen=True)
class CenterCrop:
    """Cut a square of `size` pixels out of the centre of an image that is no smaller."""

    size: int

    def __call__(self, image: Image.Image) -> Image.Image:
        """Crop one image."""
        left, top = (round((side - self.size) / 2.0) for side in image.size)
        return image.crop((left, top, left + self.size, top + self.size))


@dataclass(frozen=True)
class ToTensor:
    """Turn RGB pixels of 8 bits into normalised float32.

    Attributes:
        mean, std: of red, green, blue in [0, 1]; pixels become (value - mean) / std.
    """

    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def __call__(self, image: Image.Image) -> Float[Tensor, "3 H W"]:
        """Convert one image."""
        pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)
        mean, std = (torch.tensor(values).view(3, 1, 1) for values in (self.mean, self.std))
        # The order of operations is torchvision's: a division by 255 would round otherwise.
        return pixels.to(torch.float32).mul_(1.0 / _LARGEST).sub_(mean).div_(std)
