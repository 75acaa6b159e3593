"""The table of block adapters: a new family of blocks is one adapter module and one line here."""

from collections.abc import Callable, Mapping
from typing import Any

from timm.models.vision_transformer import Block
from torch import nn

from lpt.backbones.blocks.protocol import PromptedBlock
from lpt.backbones.blocks.timm_vit import TimmViTBlock

__all__ = ["ADAPTERS", "adapt"]

ADAPTERS: Mapping[type[nn.Module], Callable[[Any], PromptedBlock | None]] = {
    Block: TimmViTBlock.of,
}
"""By the exact class of the block. An adapter returns None for a variant that it does not cover."""


def adapt(block: nn.Module) -> PromptedBlock | None:
    """Wrap a block in the adapter for its class; return None if there is none."""
    adapter = ADAPTERS.get(type(block))
    return adapter(block) if adapter is not None else None
