"""The parts of a block that its ONNX nodes are written from, read from every family."""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from timm.layers import LayerScale
from torch import Tensor, nn

from lpt.backbones.attention import Projection
from lpt.backbones.blocks.projected_heads import projection
from lpt.backbones.blocks.protocol import PromptedBlock
from lpt.backbones.blocks.rotary import Rotation
from lpt.backbones.blocks.timm_beit import TimmBeitBlock
from lpt.backbones.blocks.timm_eva import TimmEvaBlock
from lpt.backbones.blocks.timm_vit import TimmViTBlock
from lpt.export.nodes.layer_nodes import unsupported

__all__ = ["BlockParts", "parts_of"]


@dataclass(frozen=True)
class BlockParts:
    """A pre-norm block, in one form for all families.

    Attributes:
        norm1, norm2, mlp: as timm has them.
        heads, head_width: of attention.
        scale: factor of queries.
        query, key, value: maps from normed tokens.
        q_norm, k_norm, inner_norm: of queries, of keys, and before the output projection.
        gate: of attention, applied to normed tokens; None for no gate.
        proj: the output projection.
        scale1, scale2: factors of what attention and the MLP add; None for no factor.
        rotation: of queries and keys of image tokens; None for none.
        turned: (head_width, head_width), the linear part of the rotation.
        bias: added to the logits of image tokens; None for none.
    """

    norm1: nn.Module
    norm2: nn.Module
    mlp: nn.Module
    heads: int
    head_width: int
    scale: float
    query: Projection
    key: Projection
    value: Projection
    q_norm: nn.Module
    k_norm: nn.Module
    inner_norm: nn.Module
    gate: nn.Linear | None
    proj: nn.Linear
    scale1: Tensor | None
    scale2: Tensor | None
    rotation: Rotation | None = None
    turned: Float[Tensor, "head_width head_width"] | None = None
    bias: Float[Tensor, "1 heads tokens tokens"] | None = None

    @property
    def width(self) -> int:
        """Width of all heads together."""
        return self.heads * self.head_width

    @property
    def plain_keys(self) -> bool:
        """Whether keys of image tokens are a linear function of the tokens."""
        return isinstance(self.k_norm, nn.Identity) and self.rotation is None


@torch.no_grad()
def parts_of(block: PromptedBlock, name: str) -> BlockParts:
    """Read the parts of a block.

    Args:
        name: of the block, for messages.
    Raises: BackboneError for a block or an attention that has no form in ONNX here.
    """
    if not isinstance(block, TimmViTBlock | TimmEvaBlock | TimmBeitBlock):
        raise unsupported(name, type(block).__name__)
    own = block.block
    attention = own.attn
    maps = [projection(attention, part) for part in "qkv"]
    if maps[0] is None or maps[1] is None or maps[2] is None:
        raise unsupported(f"{name}.attn", "attention with fewer heads for keys")
    plain = isinstance(block, TimmViTBlock)
    rotation, turned = None, None
    if isinstance(block, TimmEvaBlock):
        rotation = block.positions.of_block(block.index)
        if rotation is not None:
            turned = _turned(rotation, half=attention.rotate_half)
    return BlockParts(
        norm1=own.norm1,
        norm2=own.norm2,
        mlp=own.mlp,
        heads=block.heads,
        head_width=maps[0].weight.shape[1],
        scale=attention.scale,
        query=maps[0],
        key=maps[1],
        value=maps[2],
        q_norm=_norm_of(attention, "q_norm"),
        k_norm=_norm_of(attention, "k_norm"),
        inner_norm=_norm_of(attention, "norm"),
        gate=getattr(attention, "gate", None),
        proj=attention.proj,
        scale1=_scale(own.ls1, f"{name}.ls1") if plain else _gamma(own.gamma_1),
        scale2=_scale(own.ls2, f"{name}.ls2") if plain else _gamma(own.gamma_2),
        rotation=rotation,
        turned=turned,
        bias=block.position_bias() if isinstance(block, TimmBeitBlock) else None,
    )


def _norm_of(attention: Any, name: str) -> nn.Module:
    found = getattr(attention, name, None)
    return found if isinstance(found, nn.Module) else nn.Identity()


def _gamma(gamma: Tensor | None) -> Tensor | None:
    return None if gamma is None else gamma.detach()


def _scale(module: nn.Module, name: str) -> Tensor | None:
    if isinstance(module, nn.Identity):
        return None
    gamma = getattr(module, "gamma", None)
    if type(module) is not LayerScale or not isinstance(gamma, Tensor):
        raise unsupported(name, type(module).__name__)
    return gamma.detach()


def _turned(rotation: Rotation, *, half: bool) -> Tensor:
    """The matrix that a rotation multiplies by the sine: rows are turned unit vectors."""
    width = rotation.sin.shape[-1]
    quarter = Rotation(torch.ones(width, width), torch.zeros(width, width))
    return quarter.rotated(torch.eye(width)[None, None], half=half)[0, 0]
