"""Steps equal those of torchvision, bit for bit."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torchvision.transforms import v2

from lpt.data.images.pixel_steps import CenterCrop, Resize, ToTensor

SIDES = st.integers(1, 120)
FILTERS = ("nearest", "bilinear", "bicubic", "lanczos")


def noise(width: int, height: int) -> Image.Image:
    pixels = np.random.default_rng(width * 1000 + height).integers(0, 256, (height, width, 3))
    return Image.fromarray(pixels.astype(np.uint8))


@given(SIDES, SIDES, st.integers(1, 60), st.booleans(), st.sampled_from(FILTERS))
def test_resized_pixels_are_those_of_torchvision(width, height, size, squash, name):
    image = noise(width, height)
    mode = v2.InterpolationMode(name)
    theirs = v2.Resize([size, size] if squash else [size], interpolation=mode)
    own = Resize(size, squash, Image.Resampling[name.upper()])
    assert np.array_equal(np.asarray(own(image)), np.asarray(theirs(image)))


@given(st.integers(20, 90), st.integers(20, 90), st.integers(1, 20))
def test_the_centre_is_that_of_torchvision(width, height, size):
    image = noise(width, height)
    expected = v2.CenterCrop(size)(image)
    assert np.array_equal(np.asarray(CenterCrop(size)(image)), np.asarray(expected))


@pytest.mark.parametrize(
    ("mean", "std"),
    [((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)), ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))],
)
def test_every_value_of_a_pixel_becomes_the_number_of_torchvision(mean, std):
    every = Image.fromarray(np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3))
    theirs = v2.Compose(
        [v2.PILToTensor(), v2.ToDtype(torch.float32, scale=True), v2.Normalize(mean, std)]
    )
    assert torch.equal(ToTensor(mean, std)(every), theirs(every))
