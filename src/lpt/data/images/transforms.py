"""Transforms from PIL images to normalised tensors, for training and evaluation."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from lpt.data.images.pixel_steps import CenterCrop, Resize, ToTensor
from lpt.data.images.random_steps import GROWTHS, RandomFlip, RandomResizedCrop, RandomStep
from lpt.errors import ConfigError

__all__ = ["RESIZE_RULES", "Transform", "eval_transform", "train_transform"]

RESIZE_RULES = ("squash", "short-side")


@dataclass(frozen=True)
class Transform:
    """A transform of upright RGB images to normalised float32 tensors; safe to share by threads.

    Attributes:
        steps: functions applied in order, each to the result of the one before. A `RandomStep`
            also takes a generator.
        decode_target: number of pixels of the short side that decoding must keep (see
            `lpt.data.images.decode`); None for full size.
    """

    steps: tuple[Callable[..., Any], ...]
    decode_target: int | None

    @property
    def random(self) -> bool:
        """Whether the transform draws random numbers."""
        return any(isinstance(step, RandomStep) for step in self.steps)

    def at(self, share: float) -> "Transform":
        """Return the transform after this share of the training, in [0, 1], for crops that grow."""
        if not any(isinstance(s, RandomResizedCrop) and s.growth != "none" for s in self.steps):
            return self
        grown = (s.at(share) if isinstance(s, RandomResizedCrop) else s for s in self.steps)
        return replace(self, steps=tuple(grown))

    def __call__(
        self, image: Image.Image, generator: torch.Generator | None = None
    ) -> Float[Tensor, "3 H H"]:
        """Transform one image.

        Args:
            generator: source of random numbers; None is torch's global generator. A transform that
                is not `random` draws none.
        """
        value: Any = image
        for step in self.steps:
            value = step(value, generator) if isinstance(step, RandomStep) else step(value)
        transformed: Tensor = value
        return transformed


def train_transform(
    size: int,
    mean: Sequence[float],
    std: Sequence[float],
    *,
    scale: tuple[float, float],
    flip: float,
    interpolation: str = "bicubic",
    square: bool = False,
    growth: str = "none",
) -> Transform:
    """Build the training transform: a random resized crop and a horizontal flip.

    Args:
        size: height and width of the result in pixels.
        mean, std: three numbers each, for channels in [0, 1].
        scale: smallest and largest share of the image's area that a crop covers.
        flip: probability of a horizontal flip.
        interpolation: nearest, bilinear, bicubic or lanczos.
        square: whether crops are square; else their aspect ratio varies.
        growth: how the smallest crop grows to the largest during training (see `Transform.at`);
            a name of `lpt.data.images.random_steps.GROWTHS`.
    Raises: ConfigError naming the setting that is out of range.
    """
    if not 0 < scale[0] <= scale[1] <= 1:
        raise ConfigError(f"crop scale {scale}: choose 0 < smallest <= largest <= 1.")
    if not 0 <= flip <= 1:
        raise ConfigError(f"flip {flip}: choose a probability between 0 and 1.")
    if growth not in GROWTHS:
        raise ConfigError(f"crop growth {growth!r}: choose one of {', '.join(GROWTHS)}.")
    crop = RandomResizedCrop(_size(size), scale, _mode(interpolation), square, growth)
    steps = (crop, RandomFlip(flip), _to_tensor(mean, std))
    return Transform(steps, decode_target=math.ceil(size / math.sqrt(scale[0])))


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
    """Build the evaluation transform: resize by a named rule, then crop the centre.

    It is deterministic unless a corruption is random.

    Args:
        size: height and width of the result in pixels.
        mean, std: three numbers each, for channels in [0, 1].
        resize: pixels before the crop, at least `size`.
        rule: "short-side" scales the short side to `resize` and keeps the aspect (of an image more
            than 16 times as long as wide, only the centre); "squash" scales
            to `resize` x `resize` and loses it, as the authors' released code does.
        interpolation: nearest, bilinear, bicubic or lanczos.
        border: pixels removed from each side of the image first (2 red ones in ObjectNet).
        corruption: applied to the cropped image, such as
            `lpt.data.images.corruptions.Corruption("noise", 3)`.
    Raises: ConfigError naming the setting that is out of range.
    """
    if rule not in RESIZE_RULES:
        raise ConfigError(f"resize rule {rule!r}: choose one of {', '.join(RESIZE_RULES)}.")
    if resize < _size(size):
        raise ConfigError(f"resize {resize} is smaller than the input of {size} pixels.")
    fit = Resize(resize, rule == "squash", _mode(interpolation))
    steps: list[Callable[..., Any]] = [fit, CenterCrop(size)]
    if rule == "short-side":
        steps.insert(0, _Shorten())
    if border:
        steps.insert(0, _Trim(border))
    if corruption is not None:
        steps.append(corruption)
    steps.append(_to_tensor(mean, std))
    # Decode at least twice the pixels needed, so that the antialiased resize decides the result.
    # A border is counted in stored pixels, so images with one are decoded at full size.
    target = None if border else 2 * resize
    return Transform(tuple(steps), decode_target=target)


@dataclass(frozen=True)
class _Shorten:
    """Cuts the ends off an image that is more than `longest` times as long as wide.

    The centre crop would drop them, but resizing them first can take any amount of memory.
    """

    longest: int = 16
    kept: int = 4

    def __call__(self, image: Image.Image) -> Image.Image:
        short, long = sorted(image.size)
        if long <= self.longest * short:
            return image
        cut = (long - self.kept * short) // 2
        box = (cut, 0, image.width - cut, short)
        return image.crop(box if image.width == long else (0, cut, short, image.height - cut))


@dataclass(frozen=True)
class _Trim:
    """Removes a border from an image."""

    pixels: int

    def __call__(self, image: Image.Image) -> Image.Image:
        width, height = image.size
        return image.crop((self.pixels, self.pixels, width - self.pixels, height - self.pixels))


def _to_tensor(mean: Sequence[float], std: Sequence[float]) -> ToTensor:
    if len(mean) != 3 or len(std) != 3 or min(std) <= 0:
        raise ConfigError(
            f"mean {list(mean)}, std {list(std)}: give three numbers each, std above 0."
        )
    return ToTensor((mean[0], mean[1], mean[2]), (std[0], std[1], std[2]))


def _size(size: int) -> int:
    if size < 1:
        raise ConfigError(f"input size {size}: choose 1 pixel or more.")
    return size


def _mode(name: str) -> Image.Resampling:
    modes = ("nearest", "bilinear", "bicubic", "lanczos")
    if name not in modes:
        raise ConfigError(f"interpolation {name!r}: choose one of {', '.join(modes)}.")
    return Image.Resampling[name.upper()]
