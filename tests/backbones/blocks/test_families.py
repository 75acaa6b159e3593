"""The table of families: a block class is found, any other is not, and a new line is enough."""

import torch
from timm.models.vision_transformer import Block, ParallelThingsBlock, VisionTransformer

from lpt.backbones import FrozenViT
from lpt.backbones.blocks import families
from lpt.backbones.blocks.families import wrap
from lpt.backbones.blocks.timm_vit import TimmViTBlock


class OwnBlock(Block):
    """A block class that is not in the table."""


def test_timms_block_has_a_wrapper():
    assert isinstance(wrap(Block(16, 2)), TimmViTBlock)


def test_other_blocks_have_none():
    assert wrap(ParallelThingsBlock(16, 2)) is None
    assert wrap(OwnBlock(16, 2)) is None


def test_a_line_in_the_table_makes_another_block_usable(monkeypatch):
    table = {**families.FAMILIES, OwnBlock: TimmViTBlock}
    monkeypatch.setattr(families, "FAMILIES", table)
    model = VisionTransformer(
        img_size=8, patch_size=4, embed_dim=16, depth=2, num_heads=2, block_fn=OwnBlock
    )
    backbone = FrozenViT(model)
    images = torch.randn(1, 3, 8, 8)
    expected = model.forward_features(images)[:, 0]
    torch.testing.assert_close(backbone(images), expected, atol=1e-5, rtol=0)
