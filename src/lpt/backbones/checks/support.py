"""What a loaded backbone supports, in words: savings, input sizes, export."""

from dataclasses import dataclass

import torch
from timm.layers import PatchEmbed, RmsNorm
from torch import nn

from lpt.backbones.blocks.projected_heads import projection
from lpt.backbones.blocks.timm_beit import TimmBeitBlock
from lpt.backbones.blocks.timm_vit import TimmViTBlock
from lpt.backbones.towers.feature import Feature
from lpt.backbones.towers.input_sizes import input_sizes
from lpt.backbones.vit import FrozenViT

__all__ = ["Support", "largest_error", "support_of"]


@dataclass(frozen=True)
class Support:
    """What holds for a backbone.

    Attributes:
        last_block: how the last block is shortened; "whole" if it is not.
        sizes: sides of the input in pixels.
        exports: formats of `lpt export`.
    """

    last_block: str
    sizes: range
    exports: tuple[str, ...]


def support_of(backbone: FrozenViT) -> Support:
    """Describe a backbone.

    All have prompts as keys and values, the prefix computed once, attention to constant tokens as
    one key, and tables of prompts for predictions.
    """
    class_token = backbone.feature is Feature.CLASS_TOKEN
    return Support(
        last_block=_last_block(backbone) if class_token else "whole",
        sizes=input_sizes(backbone.model),
        exports=("onnx", "torch") if _in_onnx(backbone) else ("torch",),
    )


def _in_onnx(backbone: FrozenViT) -> bool:
    """Whether `lpt.export.method_graph` can write the backbone."""
    other_norms = any(isinstance(m, RmsNorm | nn.RMSNorm) for m in backbone.model.modules())
    blocks = (block.attn for block in backbone.model.blocks)
    grouped = any(projection(attention, "k") is None for attention in blocks)
    return type(backbone.model.patch_embed) is PatchEmbed and not (other_norms or grouped)


def _last_block(backbone: FrozenViT) -> str:
    block = backbone.prompted[-1]
    plain = isinstance(block, TimmBeitBlock)
    if isinstance(block, TimmViTBlock):
        plain = isinstance(block.block.attn.k_norm, nn.Identity)
    if plain:
        return "class token only"
    return "class token only, keys of all tokens"


@torch.no_grad()
def largest_error(backbone: FrozenViT) -> float:
    """Return the largest difference to timm's own blocks on random images, relative to features.

    >>> from lpt.backbones import load_backbone
    >>> largest_error(load_backbone("vit_tiny_patch8_64")) < 1e-4
    True
    """
    side = backbone.model.patch_embed.img_size[0]
    images = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(0))
    own, tokens = backbone(images), backbone.tower.run_own_blocks(backbone.embed(images))
    expected = backbone.pooled(tokens)
    return float((own - expected).abs().max() / expected.abs().max())
