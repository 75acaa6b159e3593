"""Random steps equal those of torchvision, and leave torch's global generator alone."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torchvision.transforms import v2

from lpt.data.images.random_steps import RandomFlip, RandomResizedCrop

SIDES = st.integers(1, 120)
SEEDS = st.integers(0, 2**63 - 1)


def noise(width: int, height: int) -> Image.Image:
    pixels = np.random.default_rng(width * 1000 + height).integers(0, 256, (height, width, 3))
    return Image.fromarray(pixels.astype(np.uint8))


def globally(seed: int, step, image: Image.Image) -> Image.Image:
    """Result of a torchvision transform after seeding torch's global generator."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return step(image)


@given(SIDES, SIDES, st.floats(0.01, 1), st.floats(0.01, 1), SEEDS)
def test_crops_are_those_of_torchvision_from_the_same_seed(width, height, one, two, seed):
    scale = (min(one, two), max(one, two))
    image, bicubic = noise(width, height), Image.Resampling.BICUBIC
    theirs = v2.RandomResizedCrop(16, scale=scale, interpolation=v2.InterpolationMode.BICUBIC)
    expected = globally(seed, theirs, image)
    before = torch.get_rng_state()
    found = RandomResizedCrop(16, scale, bicubic)(image, torch.Generator().manual_seed(seed))
    assert np.array_equal(np.asarray(found), np.asarray(expected))
    assert torch.equal(before, torch.get_rng_state())


@given(SIDES, SIDES, st.floats(0, 1), SEEDS)
def test_flips_are_those_of_torchvision_from_the_same_seed(width, height, probability, seed):
    image = noise(width, height)
    expected = globally(seed, v2.RandomHorizontalFlip(probability), image)
    found = RandomFlip(probability)(image, torch.Generator().manual_seed(seed))
    assert np.array_equal(np.asarray(found), np.asarray(expected))


@given(SIDES, SIDES, SEEDS)
def test_steps_advance_a_generator_as_torchvision_does(width, height, seed):
    image, generator = noise(width, height), torch.Generator().manual_seed(seed)
    flipped = RandomFlip(0.5)(
        RandomResizedCrop(8, (0.2, 1.0), Image.Resampling.BILINEAR)(image, generator), generator
    )
    both = v2.Compose([v2.RandomResizedCrop(8, scale=(0.2, 1.0)), v2.RandomHorizontalFlip(0.5)])
    assert np.array_equal(np.asarray(flipped), np.asarray(globally(seed, both, image)))


@pytest.mark.parametrize("size", [(1, 100), (100, 1), (40, 41)])
def test_the_fallback_is_the_largest_central_crop(size):
    """A scale of 1 leaves no room for another aspect ratio, so attempts run out."""
    image = noise(*size)
    expected = globally(3, v2.RandomResizedCrop(8, scale=(1.0, 1.0)), image)
    step = RandomResizedCrop(8, (1.0, 1.0), Image.Resampling.BILINEAR)
    found = step(image, torch.Generator().manual_seed(3))
    assert np.array_equal(np.asarray(found), np.asarray(expected))


def test_without_a_generator_torchs_global_one_is_used():
    image = noise(30, 20)
    step = RandomResizedCrop(8, (0.2, 1.0), Image.Resampling.BILINEAR)
    expected = step(image, torch.Generator().manual_seed(5))
    assert np.array_equal(np.asarray(globally(5, step, image)), np.asarray(expected))


@given(SIDES, SIDES, SEEDS)
def test_a_step_that_does_not_grow_is_the_same_at_every_time(width, height, seed):
    step = RandomResizedCrop(8, (0.2, 1.0), Image.Resampling.BILINEAR)
    one, two = (
        at(noise(width, height), torch.Generator().manual_seed(seed)) for at in (step, step.at(0.7))
    )
    assert np.array_equal(np.asarray(one), np.asarray(two))


@pytest.mark.parametrize(
    ("growth", "smallest"), [("none", 0.2), ("linear", 0.68), ("convex", 0.2 + 0.8 * 0.2)]
)
def test_the_smallest_crop_grows_to_the_largest(growth, smallest):
    """After 0.6 of the training, a convex growth has come 1 - sqrt(1 - 0.36) = 0.2 of the way."""
    step = RandomResizedCrop(8, (0.2, 1.0), Image.Resampling.BILINEAR, growth=growth)
    assert step.at(0.0) == step
    assert step.at(0.6).scale == pytest.approx((smallest, 1.0))
    assert step.at(1.0).scale == ((0.2, 1.0) if growth == "none" else (1.0, 1.0))


@given(st.floats(0.01, 1), st.floats(0.01, 1), st.floats(0, 1))
def test_a_grown_crop_is_never_larger_than_the_largest(one, two, share):
    scale = (min(one, two), max(one, two))
    step = RandomResizedCrop(8, scale, Image.Resampling.BILINEAR, growth="convex").at(share)
    assert scale[0] <= step.scale[0] <= step.scale[1] == scale[1]


@given(st.integers(4, 60), st.integers(4, 60), SEEDS)
def test_square_crops_are_square_and_show_the_pixels_of_a_square(width, height, seed):
    """Each pixel holds its column and row, and the result is as large as the crop."""
    rows, columns = np.mgrid[:height, :width]
    image = Image.fromarray(np.stack([columns, rows, 0 * rows], 2).astype(np.uint8))
    side = min(width, height)
    step = RandomResizedCrop(side, (0.9, 1.0), Image.Resampling.NEAREST, square=True)
    pixels = np.asarray(step(image, torch.Generator().manual_seed(seed))).astype(int)
    spans = [np.ptp(pixels[..., channel]) for channel in (0, 1)]
    assert spans[0] == spans[1]


def test_fully_grown_square_crops_of_a_square_image_are_the_whole_image():
    image = noise(16, 16)
    step = RandomResizedCrop(16, (0.1, 1.0), Image.Resampling.BICUBIC, square=True, growth="convex")
    whole = step.at(1.0)(image, torch.Generator().manual_seed(0))
    assert np.array_equal(np.asarray(whole), np.asarray(image))
