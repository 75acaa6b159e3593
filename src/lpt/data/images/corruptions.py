"""Common corruptions of images, for users who have no shifted test set of their own."""

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image, ImageFilter

from lpt.errors import ConfigError

__all__ = ["CORRUPTIONS", "SEVERITIES", "Corruption"]

SEVERITIES = (1, 2, 3, 4, 5)


def _noise(image: Image.Image, deviation: float) -> Image.Image:
    pixels = np.asarray(image, dtype=np.float32) / 255
    noisy = pixels + deviation * torch.randn(pixels.shape).numpy()
    return Image.fromarray(np.clip(np.round(noisy * 255), 0, 255).astype(np.uint8))


def _blur(image: Image.Image, radius: float) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(radius * min(image.size) / 224))


def _contrast(image: Image.Image, factor: float) -> Image.Image:
    pixels = np.asarray(image, dtype=np.float32)
    mean = pixels.mean(axis=(0, 1), keepdims=True)
    faded = (pixels - mean) * factor + mean
    return Image.fromarray(np.clip(np.round(faded), 0, 255).astype(np.uint8))


def _jpeg(image: Image.Image, quality: float) -> Image.Image:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=int(quality))
    return Image.open(stream).convert("RGB")


_Rule = tuple[Callable[[Image.Image, float], Image.Image], tuple[float, ...]]

_RULES: dict[str, _Rule] = {
    "noise": (_noise, (0.08, 0.12, 0.18, 0.26, 0.38)),
    "blur": (_blur, (1, 2, 3, 4, 6)),
    "contrast": (_contrast, (0.4, 0.3, 0.2, 0.1, 0.05)),
    "jpeg": (_jpeg, (25, 18, 15, 10, 7)),
}
CORRUPTIONS = tuple(_RULES)


@dataclass(frozen=True)
class Corruption:
    """One corruption at one severity: RGB image -> RGB image of the same size.

    Give it to `eval_transform(..., corruption=...)`, which applies it at the model's input size,
    as ImageNet-C does. Gaussian noise, Gaussian blur, contrast and JPEG have the strengths of
    ImageNet-C; the blur's radius is scaled from 224 pixels to the image. Noise comes from torch's
    global generator, so it is a function of the draw's key.

    Attributes:
        kind: one of CORRUPTIONS.
        severity: 1 (mild) to 5.
    Raises: ConfigError for another kind or severity.
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

    def __call__(self, image: Image.Image) -> Image.Image:
        """Corrupt one image."""
        rule, strengths = _RULES[self.kind]
        return rule(image, strengths[self.severity - 1])
