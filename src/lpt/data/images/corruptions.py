"""Common image corruptions, for users without a shifted test set."""

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image, ImageFilter

from lpt.data.images.random_steps import RandomStep
from lpt.errors import ConfigError

__all__ = ["CORRUPTIONS", "SEVERITIES", "Corruption"]

SEVERITIES = (1, 2, 3, 4, 5)


def _noise(image: Image.Image, deviation: float, generator: torch.Generator | None) -> Image.Image:
    pixels = np.asarray(image, dtype=np.float32) / 255
    noisy = pixels + deviation * torch.randn(pixels.shape, generator=generator).numpy()
    return Image.fromarray(np.clip(np.round(noisy * 255), 0, 255).astype(np.uint8))


def _blur(image: Image.Image, radius: float, _: object) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(radius * min(image.size) / 224))


def _contrast(image: Image.Image, factor: float, _: object) -> Image.Image:
    pixels = np.asarray(image, dtype=np.float32)
    mean = pixels.mean(axis=(0, 1), keepdims=True)
    faded = (pixels - mean) * factor + mean
    return Image.fromarray(np.clip(np.round(faded), 0, 255).astype(np.uint8))


def _jpeg(image: Image.Image, quality: float, _: object) -> Image.Image:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=int(quality))
    return Image.open(stream).convert("RGB")


_Rule = tuple[
    Callable[[Image.Image, float, torch.Generator | None], Image.Image], tuple[float, ...]
]

_RULES: dict[str, _Rule] = {
    "noise": (_noise, (0.08, 0.12, 0.18, 0.26, 0.38)),
    "blur": (_blur, (1, 2, 3, 4, 6)),
    "contrast": (_contrast, (0.4, 0.3, 0.2, 0.1, 0.05)),
    "jpeg": (_jpeg, (25, 18, 15, 10, 7)),
}
CORRUPTIONS = tuple(_RULES)


@dataclass(frozen=True)
class Corruption(RandomStep):
    """One corruption at one severity: RGB image -> RGB image of the same size.

    Pass it to `eval_transform(..., corruption=...)`, which applies it at the model's input size,
    as ImageNet-C does. Gaussian noise, Gaussian blur, contrast and JPEG have the strengths of
    ImageNet-C; the blur radius is scaled from 224 pixels to the size of the image.

    >>> Corruption("blur", 3)(Image.new("RGB", (32, 24))).size
    (32, 24)

    Attributes:
        kind: one of CORRUPTIONS.
        severity: 1 (mild) to 5.
    Raises: ConfigError for an unknown kind or severity.
    Source: Hendrycks and Dietterich, ICLR 2019.
    """

    kind: str
    severity: int

    def __post_init__(self) -> None:
        if self.kind not in _RULES or self.severity not in SEVERITIES:
            raise ConfigError(
                f"corruption {self.kind!r} of severity {self.severity}: choose one of "
                f"{', '.join(CORRUPTIONS)} and a severity from 1 to 5."
            )

    def __call__(self, image: Image.Image, generator: torch.Generator | None = None) -> Image.Image:
        """Corrupt one image; noise is drawn from `generator`, or from torch's global generator."""
        rule, strengths = _RULES[self.kind]
        return rule(image, strengths[self.severity - 1], generator)
