"""A frame of pixels is added to the border of images."""

import pytest
import torch

from lpt.baselines.methods.visual_prompt import FramedImages, FrameOptions
from lpt.errors import ConfigError


def test_a_frame_covers_only_the_border(backbone, images):
    encoder = FramedImages(backbone, FrameOptions(border=3))
    with torch.no_grad():
        encoder.pixels.fill_(2.0)
    framed = images + 2.0
    framed[..., 3:13, 3:13] = images[..., 3:13, 3:13]
    torch.testing.assert_close(encoder(images), backbone(framed))


def test_a_shrunk_image_lies_within_the_frame(backbone):
    encoder = FramedImages(backbone, FrameOptions(border=4, shrink=True))
    wanted = torch.zeros(1, 3, 16, 16)
    wanted[..., 4:12, 4:12] = 0.5
    plain = torch.full((1, 3, 16, 16), 0.5)
    torch.testing.assert_close(encoder(plain), backbone(wanted))


def test_a_frame_over_the_whole_image_is_refused(backbone):
    with pytest.raises(ConfigError, match=r"border=8: choose 1\.\.7 for 16 pixels"):
        FramedImages(backbone, FrameOptions(border=8))
