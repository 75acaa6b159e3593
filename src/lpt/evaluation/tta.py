"""Test-time augmentation (TTA): predictions averaged over five crops of an image."""

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
    """Enlarge images by `expand` pixels, then crop centre and four corners at the original size.

    Args:
        images: (B, 3, H, H).
        expand: pixels. Avoid multiples of the patch size, which make some crops share patches.
    Returns: five tensors (B, 3, H, H): centre, top left, top right, bottom left, bottom right.
    Raises: ConfigError if `expand` is below 1.

    >>> [tuple(crop.shape) for crop in five_crops(torch.zeros(2, 3, 8, 8), expand=3)][:2]
    [(2, 3, 8, 8), (2, 3, 8, 8)]
    """
    if expand < 1:
        raise ConfigError(f"expand={expand}: crops would be identical. Choose 1 pixel or more.")
    size = images.shape[-1]
    large = F.interpolate(images, size=(size + expand,) * 2, mode="bicubic", antialias=True)
    corners = [(0, 0), (0, expand), (expand, 0), (expand, expand)]
    return [
        large[..., top : top + size, left : left + size]
        for top, left in [(expand // 2, expand // 2), *corners]
    ]


def expansion(patch_size: int) -> int:
    """Return the pixels to enlarge by: 1.5 patches, like LIFT's 24 pixels for patches of 16.

    >>> expansion(16)
    24
    """
    return patch_size * 3 // 2


def with_tta(predict: Callable[[Tensor], Output], expand: int) -> Callable[[Tensor], Output]:
    """Wrap a predict function so that it averages logits over five crops.

    Args:
        predict: images (B, 3, H, H) -> Output, without gradients.
        expand: pixels to enlarge images by (`expansion`).
    Returns: a function like `predict`. Its logits are the mean over crops; feature, query and match
        are those of the centre crop.
    Raises: ConfigError, when called, if `expand` is below 1.
    Source: test-time ensembling of LIFT (Shi et al., ICML 2024), section 4. Departure: the
        transformed image is enlarged, where LIFT resizes the original to the larger size.
    """

    def over_crops(images: Tensor) -> Output:
        outputs = [predict(crop) for crop in five_crops(images, expand)]
        return replace(outputs[0], logits=torch.stack([o.logits for o in outputs]).mean(0))

    return over_crops
