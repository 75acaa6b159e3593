"""An export that differs too much is refused, with how far it is off."""

import pytest
import torch
from torch import Tensor

from lpt.errors import LptError
from lpt.export.check_images import CheckImages
from lpt.export.parity import compare
from lpt.records import Output
from lpt.task.exported.onnx_model import without_features

IMAGES = CheckImages(torch.rand(5, 3, 4, 4), torch.tensor([0, 1, 0, 1, 0]))


def model(offset: float = 0.0, match: int = 0):
    def run(images: Tensor) -> Output:
        logits = images.flatten(1)[:, :2] + torch.tensor([offset, 0.0])
        ids = torch.tensor([[0, 1]]).expand(len(images), 2) + match
        return without_features(logits, ids)

    return run


def test_batches_of_every_size_are_compared_and_each_image_counts_once():
    sizes: list[int] = []

    def noting(images: Tensor) -> Output:
        sizes.append(len(images))
        return model()(images)

    parity = compare(model(), noting, IMAGES)
    assert sizes == [1, 3, 8, 64, 5]
    assert (parity.images, parity.logit_error, parity.same_matches) == (5, 0, 1)
    assert parity.accuracy == parity.eager_accuracy
    parity.check("float32")


@pytest.mark.parametrize(("dtype", "offset"), [("float32", 2e-4), ("float16", 0.02), ("int8", 0.3)])
def test_logits_beyond_the_tolerance_are_refused(dtype, offset):
    parity = compare(model(), model(offset), IMAGES)
    assert parity.logit_error == pytest.approx(offset, rel=1e-3)
    with pytest.raises(LptError, match="Nothing was written"):
        parity.check(dtype)


def test_other_matches_are_refused_in_float32_only():
    parity = compare(model(), model(match=1), IMAGES)
    assert parity.same_matches == 0
    parity.check("int8")
    with pytest.raises(LptError, match=r"the same prompts for 0\.00%"):
        parity.check("float32")
