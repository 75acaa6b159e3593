"""Test-time ensemble: what a model says of five crops of an image, averaged."""

from collections.abc import Callable
from dataclasses import replace

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from lpt.errors import ConfigError
from lpt.records import Output

__all__ = ["expansion", "five_crops", "with_tta"]


def five_crops(images: Float[Tensor, "B 3 H H"], expand: int) -> list[Float[Tensor, "B 3 H H"]]:
    """Enlarge images by `expand` pixels and cut out centre and corners at the old size.

    Args:
        expand: no multiple of the patch size, or some crops would be cut into the same patches.
    Raises: ConfigError if there is nothing to expand by.
    """
    if expand < 1:
        raise ConfigError(f"expand={expand}: crops differ from 1 pixel on.")
    size = images.shape[-1]
    large = F.interpolate(images, size=(size + expand,) * 2, mode="bicubic", antialias=True)
    corners = [(0, 0), (0, expand), (expand, 0), (expand, expand)]
    return [
        large[..., top : top + size, left : left + size]
        for top, left in [(expand // 2, expand // 2), *corners]
    ]


def expansion(patch_size: int) -> int:
    """Pixels to enlarge by: one and a half patches, as LIFT's 24 pixels at a patch of 16."""
    return patch_size * 3 // 2


def with_tta(predict: Callable[[Tensor], Output], expand: int) -> Callable[[Tensor], Output]:
    """Make a prediction over five crops of any prediction of one image.

    Args:
        predict: images (B, 3, H, H) -> Output, without gradient.
        expand: pixels to enlarge images by (`expansion`).
    Returns: a function like `predict`, whose logits are the mean over crops; feature, query and
        match are those of the centre.
    Source: test-time ensembling of LIFT (Shi et al., ICML 2024), section 4. Departure: the
        transformed image is enlarged, where LIFT resizes the original to the larger size.
    """

    def over_crops(images: Tensor) -> Output:
        outputs = [predict(crop) for crop in five_crops(images, expand)]
        return replace(outputs[0], logits=torch.stack([o.logits for o in outputs]).mean(0))

    return over_crops
