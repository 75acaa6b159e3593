"""Images in memory as bytes, and their augmentation a batch at a time, on any device."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, UInt8
from PIL import Image
from torch import Tensor

from lpt.data.defaults import VAL_FRACTION
from lpt.data.images.decode import decode
from lpt.data.sources.open_data import open_data

from .recipe import Stage

__all__ = ["Images", "Mixed", "augment", "colour", "load_images", "normalise", "random_crop"]

RATIO = (3 / 4, 4 / 3)


@dataclass(frozen=True)
class Images:
    """Decoded images and their labels."""

    pixels: UInt8[Tensor, "n 3 size size"]
    labels: Int[Tensor, " n"]

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: Tensor) -> "Images":
        """Some of them."""
        return Images(self.pixels[rows], self.labels[rows])

    def to(self, device: torch.device) -> "Images":
        """The same on a device."""
        return Images(self.pixels.to(device), self.labels.to(device))

    def some(self, of_each: int) -> "Images":
        """The first images of each class; all for 0."""
        if not of_each:
            return self
        order = self.labels.argsort(stable=True)
        labels = self.labels[order]
        rank = torch.arange(len(order)) - torch.searchsorted(labels, labels)
        return self.take(order[rank < of_each].sort().values)

    def without(self, a_class: int) -> tuple["Images", "Images"]:
        """All but the last `a_class` of each class, and those."""
        order = self.labels.argsort(stable=True)
        sorted_labels = self.labels[order]
        after = torch.searchsorted(sorted_labels, sorted_labels, side="right")
        held = after - torch.arange(len(order)) <= a_class
        return self.take(order[~held].sort().values), self.take(order[held].sort().values)


def load_images(data: str, split: str, size: int, val_fraction: float = VAL_FRACTION) -> Images:
    """Decode a split of a data set once; images of other sizes are squashed to `size`.

    Unless `val_fraction` is 0, data without validation images has that share of its training
    images split off.
    """
    part = open_data(data, val_fraction=val_fraction).splits[split]
    pixels = np.empty((len(part), size, size, 3), dtype=np.uint8)
    for row in range(len(part)):
        image = decode(part.read(row), name=part.name_of(row))
        if image.size != (size, size):
            image = image.resize((size, size), Image.Resampling.BICUBIC)
        pixels[row] = np.asarray(image)
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous()
    return Images(images, torch.from_numpy(part.labels))


def normalise(pixels: UInt8[Tensor, "B 3 H H"], image_size: int) -> Float[Tensor, "B 3 h h"]:
    """Whole images as the network takes them: mean = std = 0.5, at an input size."""
    images = pixels.float() / 127.5 - 1
    if images.shape[-1] == image_size:
        return images
    return F.interpolate(images, size=image_size, mode="bicubic", antialias=True)


@dataclass(frozen=True)
class Mixed:
    """Augmented images, two labels each, and the share of the first."""

    images: Float[Tensor, "B 3 h h"]
    labels: Int[Tensor, " B"]
    partner: Int[Tensor, " B"]
    share: float


def augment(batch: Images, stage: Stage, jitter: float, seed: int) -> Mixed:
    """Random resized crops, flips, colour changes; in some steps Mixup or CutMix.

    All randomness comes from `seed`; on one device the result is a function of it.
    """
    device = batch.pixels.device
    random = torch.Generator(device).manual_seed(seed)
    host = np.random.default_rng(seed)
    pixels = batch.pixels.float() / 127.5 - 1
    fine = 2 if 2 * stage.image_size <= pixels.shape[-1] else 1  # else every other pixel is lost
    images = random_crop(pixels, fine * stage.image_size, stage.crop_scale, random)
    if fine > 1:
        images = F.avg_pool2d(images, fine)
    images = colour(images, jitter, random)
    if host.random() >= stage.mix:
        return Mixed(images, batch.labels, batch.labels, 1.0)
    other = torch.randperm(len(images), generator=random, device=device)
    if host.random() < 0.5:
        share = float(host.beta(0.8, 0.8))
        return Mixed(
            torch.lerp(images[other], images, share), batch.labels, batch.labels[other], share
        )
    side = stage.image_size
    hole = round(side * float(np.sqrt(1 - host.beta(1.0, 1.0))))
    top, left = host.integers(0, side - hole + 1, size=2)
    window = (..., slice(top, top + hole), slice(left, left + hole))
    images[window] = images[other][window]
    return Mixed(images, batch.labels, batch.labels[other], 1 - (hole / side) ** 2)


def random_crop(
    images: Float[Tensor, "B 3 H H"],
    side: int,
    scale: tuple[float, float],
    random: torch.Generator,
    whole: float = 0.0,
) -> Float[Tensor, "B 3 side side"]:
    """A random part of each image, mirrored half of the time; a share of them `whole`."""
    count, device = len(images), images.device

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(count, generator=random, device=device)

    area = uniform(*scale)
    ratio = uniform(float(np.log(RATIO[0])), float(np.log(RATIO[1]))).exp()
    if whole:
        kept = uniform(0, 1) < whole
        area, ratio = area.masked_fill(kept, 1.0), ratio.masked_fill(kept, 1.0)
    width, height = (area * ratio).sqrt().clamp(max=1), (area / ratio).sqrt().clamp(max=1)
    right, down = (1 - width) * uniform(-1, 1), (1 - height) * uniform(-1, 1)
    mirror = torch.where(uniform(0, 1) < 0.5, -1.0, 1.0)
    zero = torch.zeros_like(width)
    place = torch.stack(
        [torch.stack([width * mirror, zero, right], 1), torch.stack([zero, height, down], 1)], 1
    )
    grid = F.affine_grid(place, [count, 3, side, side], align_corners=False)
    return F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)


def colour(
    images: Float[Tensor, "B 3 h h"], jitter: float, random: torch.Generator
) -> Float[Tensor, "B 3 h h"]:
    """Saturation, contrast and brightness, each changed by a factor of its own."""
    shape = (3, len(images), 1, 1, 1)
    factors = torch.rand(shape, generator=random, device=images.device) * 2 * jitter + 1 - jitter
    grey = images.mean(dim=1, keepdim=True)
    images = torch.lerp(grey, images, factors[0])
    images = torch.lerp(grey.mean(dim=(2, 3), keepdim=True), images, factors[1])
    return ((images + 1) * factors[2] - 1).clamp(-1, 1)
