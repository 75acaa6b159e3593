"""The towers of timm's classes, and the table of them."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from jaxtyping import Float
from timm.models.beit import Beit
from timm.models.eva import Eva
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from lpt.backbones.blocks.families import wrap
from lpt.backbones.blocks.protocol import PromptedBlock
from lpt.backbones.blocks.rotary import RotaryPositions
from lpt.backbones.blocks.timm_beit import TimmBeitBlock
from lpt.backbones.blocks.timm_eva import TimmEvaBlock
from lpt.backbones.towers.tower import Tower

__all__ = [
    "SUPPORTED",
    "TOWERS",
    "BeitTower",
    "EvaTower",
    "PlainTower",
    "reason_against",
    "tower_of",
]

SUPPORTED = (
    "timm's VisionTransformer (ViT, DeiT, DeiT-3, DINO, DINOv2, CLIP, SigLIP, MAE), "
    "Eva (DINOv3, EVA-02, PE-Core, ROPE-ViT) and Beit (BEiT, BEiT v2)"
)


class PlainTower:
    """timm's `VisionTransformer`: learned positions, added to the patches."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def embed(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B tokens D"]:
        """Turn images into tokens, prefix tokens first."""
        model = self.model
        tokens = model._pos_embed(model.patch_embed(images))
        embedded: Tensor = model.norm_pre(model.patch_drop(tokens))
        return embedded

    def wrap(self, index: int) -> PromptedBlock | None:
        """Wrap a block of the families in `lpt.backbones.blocks.families`."""
        return wrap(self.model.blocks[index])

    def run_own_blocks(self, tokens: Float[Tensor, "B tokens D"]) -> Float[Tensor, "B tokens D"]:
        """Run all blocks as timm does."""
        after: Tensor = self.model.blocks(tokens)
        return after


class EvaTower:
    """timm's `Eva`: rotary positions in every block, learned ones besides in some models."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.positions = RotaryPositions(model)

    def embed(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B tokens D"]:
        """Turn images into tokens, prefix tokens first."""
        model = self.model
        tokens, _ = model._pos_embed(model.patch_embed(images))
        embedded: Tensor = model.norm_pre(tokens)
        return embedded

    def wrap(self, index: int) -> PromptedBlock | None:
        """Wrap a pre-norm block."""
        return TimmEvaBlock.of(self.model.blocks[index], self.positions, index)

    def run_own_blocks(self, tokens: Float[Tensor, "B tokens D"]) -> Float[Tensor, "B tokens D"]:
        """Run all blocks as timm does."""
        made = self.positions.of_timm()
        for index, block in enumerate(self.model.blocks):
            tokens = block(tokens, rope=None if made is None else made[index])
        return tokens


class BeitTower:
    """timm's `Beit`: every block has a bias for each pair of positions."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def embed(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B tokens D"]:
        """Turn images into tokens, the class token first."""
        model = self.model
        patches = model.patch_embed(images)
        tokens = torch.cat([model.cls_token.expand(patches.shape[0], -1, -1), patches], dim=1)
        return tokens if model.pos_embed is None else tokens + model.pos_embed

    def wrap(self, index: int) -> PromptedBlock | None:
        """Wrap a block."""
        return TimmBeitBlock.of(self.model.blocks[index], self.model.rel_pos_bias)

    def run_own_blocks(self, tokens: Float[Tensor, "B tokens D"]) -> Float[Tensor, "B tokens D"]:
        """Run all blocks as timm does."""
        shared = self.model.rel_pos_bias
        bias = None if shared is None else shared()
        for block in self.model.blocks:
            tokens = block(tokens, shared_rel_pos_bias=bias)
        return tokens


TOWERS: Mapping[type[nn.Module], Callable[[Any], Tower]] = {
    VisionTransformer: PlainTower,
    Eva: EvaTower,
    Beit: BeitTower,
}
"""By class of model; a subclass of a class in the table counts as that class."""

_WINDOWS = "its blocks attend within windows, so a prompt would not reach the whole image"
_REASONS = {
    "Swin": _WINDOWS,
    "MaxxVit": _WINDOWS,
    "Hiera": _WINDOWS,
    "ImageEncoderViT": _WINDOWS,
    "Relpos": "its positions depend on pairs of tokens in a way that is not supported",
    "NaFlex": "it takes images of any shape; take the fixed-size model of the same weights",
}
"""By the beginning of the class's name, or a part of it."""


def tower_of(model: nn.Module) -> Tower | None:
    """Return the tower of a model; None if its class is not in the table."""
    kind = next((k for k in type(model).__mro__ if k in TOWERS), None)
    return None if kind is None else TOWERS[kind](model)


def reason_against(model: nn.Module) -> str:
    """Say in a clause why a model is refused that has no tower, or blocks without a wrapper."""
    name = type(model).__name__
    for part, reason in _REASONS.items():
        if part in name:
            return reason
    blocks = getattr(model, "blocks", None)
    if tower_of(model) is None or blocks is None or not len(blocks):
        return "not supported as a backbone"
    block = blocks[0]
    if type(block).__name__.startswith(("Parallel", "DiffParallel")):
        return "its blocks compute attention and MLP in parallel"
    if "PostNorm" in type(block).__name__:
        return "its blocks normalise after attention, not before"
    attention = type(getattr(block, "attn", None)).__name__
    return f"its blocks ({type(block).__name__} with {attention}) cannot take prompts"
