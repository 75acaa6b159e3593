"""Test-time augmentation: the crops, and the mean of their predictions."""

import pytest
import torch
from torch import Tensor

from lpt.errors import ConfigError
from lpt.evaluation.tta import five_crops, with_tta
from lpt.records import Output


def ramp(size: int = 8) -> Tensor:
    """Images whose brightness is the column plus a hundred times the row."""
    row, column = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    return (100.0 * row + column).expand(2, 3, -1, -1)


def test_crops_are_centre_and_corners_of_the_enlarged_image():
    crops = five_crops(ramp(), 4)
    assert all(crop.shape == (2, 3, 8, 8) for crop in crops)
    centre, top_left, top_right, bottom_left, bottom_right = (crop[0, 0] for crop in crops)
    assert torch.equal(top_left[2:, 2:], centre[:-2, :-2])
    assert torch.equal(top_right[2:, :-2], centre[:-2, 2:])
    assert torch.equal(bottom_left[:-2, 2:], centre[2:, :-2])
    assert torch.equal(bottom_right[:-2, :-2], centre[2:, 2:])


def test_a_constant_image_stays_constant():
    for crop in five_crops(torch.full((1, 3, 8, 8), 0.3), 3):
        torch.testing.assert_close(crop, torch.full((1, 3, 8, 8), 0.3))


def brightness(images: Tensor) -> Output:
    mean = images.mean((1, 2, 3))
    return Output(torch.stack([mean, -mean], 1), mean[:, None], mean[:, None])


def test_logits_are_averaged_and_the_feature_is_the_centres():
    crops = five_crops(ramp(), 3)
    wanted = torch.stack([brightness(crop).logits for crop in crops]).mean(0)
    found = with_tta(brightness, 3)(ramp())
    torch.testing.assert_close(found.logits, wanted)
    assert torch.equal(found.feature, brightness(crops[0]).feature)


def test_an_expansion_of_0_is_refused():
    with pytest.raises(ConfigError, match="expand=0"):
        five_crops(ramp(), 0)
