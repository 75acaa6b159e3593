"""A tuned ViT trains a copy of the backbone; the backbone itself is not modified."""

import pytest
import torch

from lpt.backbones import FrozenViT, hash_weights
from lpt.backbones.linear import FrozenLinear
from lpt.baselines.tuned_vit import TrainableLinear, TunedViT, norm_parameters, replace_linears

from ..contracts.tiny_families import KINDS


def test_only_the_selected_parameters_of_a_copy_are_trained(backbone):
    before = hash_weights(backbone.model.state_dict())
    encoder = TunedViT(backbone, norm_parameters)
    with torch.no_grad():
        for parameter in encoder.tuned:
            parameter.add_(1.0)
    trainable = [p for p in encoder.vit.parameters() if p.requires_grad]
    assert {id(p) for p in trainable} == {id(p) for p in encoder.tuned}
    assert encoder.param_groups() == {"backbone": encoder.tuned}
    assert hash_weights(backbone.model.state_dict()) == before


def test_both_kinds_of_blocks_compute_the_class_token(backbone, images):
    for trains_linears in (False, True):
        encoder = TunedViT(backbone, norm_parameters, trains_linears=trains_linears)
        torch.testing.assert_close(encoder(images), backbone(images), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", ["DINOv3", "EVA-02 base", "BEiT", "attention pool (SigLIP)"])
def test_the_own_blocks_of_every_family_compute_its_feature(kind):
    backbone, images = FrozenViT(KINDS[kind]()), torch.randn(2, 3, 32, 32)
    encoder = TunedViT(backbone, norm_parameters, trains_linears=True)
    torch.testing.assert_close(encoder(images), backbone(images), atol=1e-5, rtol=1e-4)


def test_every_frozen_linear_layer_is_replaced(backbone, images):
    encoder = TunedViT(backbone, norm_parameters, trains_linears=True)
    replace_linears(encoder.vit.model, TrainableLinear.of)
    kinds = [type(m) for m in encoder.vit.model.modules() if isinstance(m, FrozenLinear)]
    assert kinds == [TrainableLinear] * (4 * backbone.depth)
    torch.testing.assert_close(encoder(images), backbone(images), atol=1e-5, rtol=1e-4)


def test_layers_that_are_trained_have_float32_copies_of_compact_weights():
    backbone = FrozenViT(KINDS["plain"]())
    backbone.keep_weights("int8")
    images = torch.randn(2, 3, 32, 32)
    kept, trained = (
        TunedViT(backbone, norm_parameters, trains_linears=trained) for trained in (False, True)
    )
    assert (kept.vit.weights, trained.vit.weights, backbone.weights) == ("int8", "float32", "int8")
    for encoder in (kept, trained):
        torch.testing.assert_close(encoder(images), backbone(images), atol=1e-5, rtol=1e-4)
