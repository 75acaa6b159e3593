"""Random steps of a transform that draw from a generator they are given.

The transforms of torchvision draw from torch's global generator, which threads share. These steps
compute the same results from the same seed, but from a generator of the caller.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch
from PIL import Image

__all__ = ["GROWTHS", "RandomFlip", "RandomResizedCrop", "RandomStep"]

_ATTEMPTS = 10
_ASPECT_RATIOS = (3 / 4, 4 / 3)
_SQUARE = (1.0, 1.0)

GROWTHS: Mapping[str, Callable[[float], float]] = {
    "none": lambda _: 0.0,
    "linear": lambda share: share,
    "convex": lambda share: 1 - math.sqrt(1 - share**2),
}
"""How far the smallest crop has grown towards the largest, in [0, 1], by the share of training that
is done, in [0, 1].

Source: LIFT+ (Shi, Wei and Li, 2025), minimalist data augmentation, whose own choice is convex.
"""


class RandomStep(ABC):
    """A function of an image and of random numbers."""

    @abstractmethod
    def __call__(self, image: Image.Image, generator: torch.Generator | None = None) -> Image.Image:
        """Apply the step; None draws from torch's global generator."""


@dataclass(frozen=True)
class RandomResizedCrop(RandomStep):
    """Crop a random rectangle and resize it to a square.

    Equal to `torchvision.transforms.v2.RandomResizedCrop` with its default aspect ratios, unless
    crops are square or grow.

    Attributes:
        size: height and width of the result in pixels.
        scale: smallest and largest share of the image's area that the crop covers.
        resample: filter of the resize.
        square: whether crops are square. A square that does not fit into an elongated image is
            replaced by its largest central one.
        growth: of `GROWTHS`.
    """

    size: int
    scale: tuple[float, float]
    resample: Image.Resampling
    square: bool = False
    growth: str = "none"

    def at(self, share: float) -> "RandomResizedCrop":
        """Return the step after this share of the training: its smallest crops have grown.

        >>> step = RandomResizedCrop(8, (0.2, 1.0), Image.Resampling.BICUBIC, growth="linear")
        >>> [round(step.at(share).scale[0], 2) for share in (0, 0.5, 1)]
        [0.2, 0.6, 1.0]
        """
        smallest, largest = self.scale
        grown = GROWTHS[self.growth](share)
        now = min(largest, smallest + grown * (largest - smallest))
        return replace(self, scale=(now, largest))

    def __call__(self, image: Image.Image, generator: torch.Generator | None = None) -> Image.Image:
        """Crop and resize one image."""
        left, top, width, height = self._box(*image.size, generator)
        crop = image.crop((left, top, left + width, top + height))
        return crop.resize((self.size, self.size), self.resample)

    def _box(
        self, width: int, height: int, generator: torch.Generator | None
    ) -> tuple[int, int, int, int]:
        """Draw left, top, width and height of the crop."""
        ratios = _SQUARE if self.square else _ASPECT_RATIOS
        lowest, highest = torch.tensor(ratios).log().tolist()
        for _ in range(_ATTEMPTS):
            area = width * height * _uniform(*self.scale, generator).item()
            ratio = _uniform(lowest, highest, generator).exp().item()
            w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            if 0 < w <= width and 0 < h <= height:
                top = _below(height - h + 1, generator)
                return _below(width - w + 1, generator), top, w, h
        w, h = _largest_box(width, height, ratios)
        return (width - w) // 2, (height - h) // 2, w, h


@dataclass(frozen=True)
class RandomFlip(RandomStep):
    """Mirror an image horizontally with a probability, as torchvision's RandomHorizontalFlip."""

    probability: float

    def __call__(self, image: Image.Image, generator: torch.Generator | None = None) -> Image.Image:
        """Mirror one image, or return it as it is."""
        if torch.rand(1, generator=generator) >= self.probability:
            return image
        return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def _uniform(low: float, high: float, generator: torch.Generator | None) -> torch.Tensor:
    return torch.empty(1).uniform_(low, high, generator=generator)


def _below(bound: int, generator: torch.Generator | None) -> int:
    return int(torch.randint(bound, (1,), generator=generator).item())


def _largest_box(width: int, height: int, ratios: tuple[float, float]) -> tuple[int, int]:
    """Width and height of the largest central crop whose aspect ratio is allowed."""
    lowest, highest = ratios
    if width / height < lowest:
        return width, round(width / lowest)
    if width / height > highest:
        return round(height * highest), height
    return width, height
