"""PIL image to normalised tensor, for training and for evaluation."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor
from torchvision.transforms import InterpolationMode, v2

from lpt.errors import ConfigError

__all__ = ["RESIZE_RULES", "Transform", "eval_transform", "train_transform"]

RESIZE_RULES = ("squash", "short-side")


@dataclass(frozen=True)
class Transform:
    """A transform of upright RGB images, with the resolution that it can make use of.

    Attributes:
        apply: PIL image -> (3, H, H) float32, normalised. Draws from torch's global generator only.
        decode_target: short side that decoding must keep (see `lpt.data.images.decode`); None for
            all.
    """

    apply: Callable[[Image.Image], Float[Tensor, "3 H H"]]
    decode_target: int | None

    def __call__(self, image: Image.Image) -> Float[Tensor, "3 H H"]:
        """Transform one image."""
        return self.apply(image)


def train_transform(
    size: int,
    mean: Sequence[float],
    std: Sequence[float],
    *,
    scale: tuple[float, float],
    flip: float,
    interpolation: str = "bicubic",
) -> Transform:
    """Random resized crop and horizontal flip.

    Args:
        size: height and width of the result in pixels.
        mean, std: three numbers each, for channels in [0, 1].
        scale: smallest and largest share of the image's area that a crop covers.
        flip: probability of a horizontal flip.
        interpolation: nearest, bilinear, bicubic or lanczos.
    Raises: ConfigError naming the setting out of range.
    """
    if not 0 < scale[0] <= scale[1] <= 1:
        raise ConfigError(f"crop scale {scale}: choose 0 < smallest <= largest <= 1.")
    if not 0 <= flip <= 1:
        raise ConfigError(f"flip {flip}: a probability lies between 0 and 1.")
    crop = v2.RandomResizedCrop(
        _size(size), scale=scale, interpolation=_mode(interpolation), antialias=True
    )
    steps = [crop, v2.RandomHorizontalFlip(flip), *_to_tensor(mean, std)]
    return Transform(v2.Compose(steps), decode_target=math.ceil(size / math.sqrt(scale[0])))


def eval_transform(
    size: int,
    mean: Sequence[float],
    std: Sequence[float],
    *,
    resize: int,
    rule: str,
    interpolation: str = "bicubic",
    border: int = 0,
    corruption: Callable[[Image.Image], Image.Image] | None = None,
) -> Transform:
    """Resize by a named rule, then crop the centre; nothing random unless a corruption is.

    Args:
        size: height and width of the result in pixels.
        mean, std: three numbers each, for channels in [0, 1].
        resize: pixels before the crop, at least `size`.
        rule: "short-side" scales the short side to `resize` and keeps the aspect; "squash" scales
            to `resize` x `resize` and loses it, which is what the authors' released code does.
        interpolation: nearest, bilinear, bicubic or lanczos.
        border: pixels to take off each side of the image first (ObjectNet has 2 red ones).
        corruption: applied to the cropped image, such as
            `lpt.data.images.corruptions.Corruption("noise", 3)`.
    Raises: ConfigError naming the setting out of range.
    """
    if rule not in RESIZE_RULES:
        raise ConfigError(f"resize rule {rule!r}: choose one of {', '.join(RESIZE_RULES)}.")
    if resize < _size(size):
        raise ConfigError(f"resize {resize} is smaller than the input of {size} pixels.")
    shape = [resize, resize] if rule == "squash" else [resize]
    fit = v2.Resize(shape, interpolation=_mode(interpolation), antialias=True)
    steps = [fit, v2.CenterCrop(size)]
    if border:
        steps.insert(0, _Trim(border))
    if corruption is not None:
        steps.append(corruption)
    steps += _to_tensor(mean, std)
    # Twice the pixels needed, so that the final antialiased resize still decides the result.
    # A border is counted in stored pixels, so such images are decoded in full.
    target = None if border else 2 * resize
    return Transform(v2.Compose(steps), decode_target=target)


@dataclass(frozen=True)
class _Trim:
    """Takes a border off an image."""

    pixels: int

    def __call__(self, image: Image.Image) -> Image.Image:
        width, height = image.size
        return image.crop((self.pixels, self.pixels, width - self.pixels, height - self.pixels))


def _to_tensor(mean: Sequence[float], std: Sequence[float]) -> list[v2.Transform]:
    if len(mean) != 3 or len(std) != 3 or min(std) <= 0:
        raise ConfigError(f"mean {list(mean)}, std {list(std)}: three numbers each, std above 0.")
    return [
        v2.PILToTensor(),
        v2.ToDtype(torch.float32, scale=True),
        v2.Normalize(list(mean), list(std)),
    ]


def _size(size: int) -> int:
    if size < 1:
        raise ConfigError(f"input size {size}: choose 1 pixel or more.")
    return size


def _mode(name: str) -> InterpolationMode:
    modes = ("nearest", "bilinear", "bicubic", "lanczos")
    if name not in modes:
        raise ConfigError(f"interpolation {name!r}: choose one of {', '.join(modes)}.")
    return InterpolationMode(name)
