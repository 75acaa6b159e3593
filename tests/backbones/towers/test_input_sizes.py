"""Input sizes of every family: each multiple of the patch, and positions that follow."""

import pytest
import torch

from lpt.backbones import FrozenViT
from lpt.backbones.towers.input_sizes import input_sizes, patch_size, resize_input
from lpt.errors import BackboneError

from ...contracts.tiny_families import KINDS, beit, features_of_timm


@pytest.mark.parametrize("kind", ["plain", "DINOv3", "EVA-02 base", "PE-Core", "BEiT"])
def test_every_size_gives_a_feature(kind):
    for size in (8, 24, 128):
        model = KINDS[kind]()
        resize_input("tiny", model, size)
        assert patch_size(model) == 8
        feature = FrozenViT(model)(torch.randn(1, 3, size, size))
        assert torch.isfinite(feature).all()


@pytest.mark.parametrize("kind", KINDS)
def test_every_family_at_another_size_has_the_features_of_timm(kind):
    model = KINDS[kind]()
    resize_input("tiny", model, 24)
    images = torch.randn(2, 3, 24, 24, generator=torch.Generator().manual_seed(1))
    expected = features_of_timm(model, images)
    torch.testing.assert_close(FrozenViT(model)(images), expected, atol=1e-5, rtol=0)


def test_sizes_are_multiples_of_the_patch_up_to_four_times_the_native_side():
    sizes = input_sizes(KINDS["DINOv3"]())
    assert list(sizes[:2]) == [8, 16]
    assert sizes[-1] == 128


@pytest.mark.parametrize(
    ("size", "words"), [(20, "such as 16 or 24"), (4, "8 or 16"), (136, "128 or less")]
)
def test_other_sizes_are_refused_with_the_nearest(size, words):
    with pytest.raises(BackboneError, match=words):
        resize_input("tiny", KINDS["DINOv3"](), size)


def test_the_biases_of_a_resized_beit_keep_what_does_not_depend_on_the_place():
    model = beit()
    table = model.blocks[0].attn.relative_position_bias_table
    with torch.no_grad():
        table[:-3] = torch.tensor([1.0, -2.0])
    last = table[-3:].clone()
    resize_input("tiny", model, 48)
    resized = model.blocks[0].attn.relative_position_bias_table
    assert torch.equal(resized[-3:], last)
    expected = torch.tensor([1.0, -2.0]).expand(len(resized) - 3, 2)
    torch.testing.assert_close(resized[:-3], expected, atol=1e-5, rtol=0)
