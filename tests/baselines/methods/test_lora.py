"""A low-rank update equals a change of the projection's weight."""

import copy

import pytest
import torch

from lpt.baselines.methods.lora import LoraOptions, insert_lora
from lpt.baselines.tuned_vit import TunedViT

from ..tiny import disturb


@pytest.mark.parametrize("targets", ["qv", "k", "qkv"])
def test_lora_is_a_plain_projection_once_merged(backbone, images, targets):
    options = LoraOptions(rank=2, alpha=6, targets=targets)

    encoder = TunedViT(backbone, lambda vit: insert_lora(vit, options), trains_linears=True)
    disturb(encoder)
    merged = copy.deepcopy(backbone)
    with torch.no_grad():
        for block, tuned in zip(merged.blocks, encoder.vit.blocks, strict=True):
            block.attn.qkv.weight.copy_(tuned.attn.qkv.merged())
    torch.testing.assert_close(encoder(images), merged(images), atol=1e-5, rtol=1e-4)
    changed = encoder.vit.blocks[0].attn.qkv.merged() - backbone.blocks[0].attn.qkv.weight
    moved = [bool(part.abs().max() > 0) for part in changed.detach().chunk(3)]
    assert moved == [letter in targets for letter in "qkv"]
