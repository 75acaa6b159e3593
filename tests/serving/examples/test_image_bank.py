"""The nearest training images are those of the largest cosine, with their class and thumbnail."""

import torch

from lpt.serving.examples.image_bank import BankedImage, ImageBank


def test_nearest_images_come_in_order_whatever_the_length_of_features():
    directions = {0: (1.0, 0.0), 1: (10.0, 1.0), 2: (0.0, 0.1), 3: (-5.0, 0.0)}
    images = [BankedImage(i, torch.tensor(d), b"%d" % i) for i, d in directions.items()]
    bank = ImageBank(images)
    found = bank.nearest(torch.tensor([3.0, 0.0]), 3)
    assert (found.state, found.searched) == ("ready", 4)
    assert [image.index for image in found.images] == [0, 1, 2]
    assert [image.thumbnail for image in found.images] == [b"0", b"1", b"2"]
    assert found.images[0].similarity == 1
    assert found.images[2].similarity == 0
    assert len(bank.nearest(torch.ones(2), 12).images) == 4
    assert bank.nbytes == 4 * 2 * 4 + 4
