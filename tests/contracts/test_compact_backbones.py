"""Every family with compact weights is the same family with rounded float32 weights."""

import copy
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from lpt.backbones import FrozenViT
from lpt.model.prompt_shape import PromptShape
from lpt.model.two_pass import LongTailedPromptModel

from .tiny_families import DEPTH, KINDS

OF_EACH_BLOCK = ("plain", "BEiT", "EVA")
"""One family of each block."""


def compact(kind: str, weights: str) -> tuple[FrozenViT, FrozenViT]:
    """A backbone with compact weights, and one with the same weights in float32."""
    backbone = FrozenViT(KINDS[kind]())
    backbone.keep_weights(weights)
    rounded = copy.deepcopy(backbone)
    rounded.keep_weights("float32")
    return backbone, rounded


def computed(backbone: FrozenViT) -> Iterator[Tensor]:
    """Logits of both phases, and the gradients of every trained tensor that has one."""
    torch.manual_seed(0)
    shape = PromptShape(length=3, shared_blocks=DEPTH // 2, pool_size=4, top_k=2)
    model = LongTailedPromptModel(backbone, 5, shape)
    size = backbone.model.patch_embed.img_size
    images = torch.randn(3, 3, *size, generator=torch.Generator().manual_seed(1))
    for forward in (model.phase1, model):
        model.zero_grad()
        logits = forward(images).logits
        yield logits.detach()
        logits.square().sum().backward()
        yield from (p.grad.clone() for p in model.parameters() if p.grad is not None)


@pytest.mark.parametrize(
    ("kind", "weights"),
    [*((kind, "int8") for kind in KINDS), *((kind, "bf16") for kind in OF_EACH_BLOCK)],
)
def test_values_and_gradients_are_those_of_the_rounded_weights(kind, weights):
    backbone, rounded = compact(kind, weights)
    assert (backbone.weights, rounded.weights) == (weights, "float32")
    pairs = list(zip(computed(backbone), computed(rounded), strict=True))
    assert len(pairs) > 5
    for found, wanted in pairs:
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", OF_EACH_BLOCK)
def test_bf16_weights_change_no_bit_under_autocast(kind):
    usual, backbone = FrozenViT(KINDS[kind]()), FrozenViT(KINDS[kind]())
    backbone.keep_weights("bf16")
    with torch.autocast("cpu", torch.bfloat16):
        pairs = list(zip(computed(usual), computed(backbone), strict=True))
    assert [i for i, (one, other) in enumerate(pairs) if not torch.equal(one, other)] == []
