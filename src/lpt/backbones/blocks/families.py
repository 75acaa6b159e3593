"""The table of block families: a new family is one wrapper module and one line here."""

from collections.abc import Callable, Mapping
from typing import Any

from timm.models.vision_transformer import Block
from torch import nn

from lpt.backbones.blocks.protocol import PromptedBlock
from lpt.backbones.blocks.timm_vit import TimmViTBlock

__all__ = ["FAMILIES", "wrap"]

FAMILIES: Mapping[type[nn.Module], Callable[[Any], PromptedBlock | None]] = {
    Block: TimmViTBlock.of,
}
"""By the exact class of the block. A wrapper returns None for a variant that it does not cover."""


def wrap(block: nn.Module) -> PromptedBlock | None:
    """Wrap a block in the `PromptedBlock` of its family; return None if there is none."""
    of = FAMILIES.get(type(block))
    return of(block) if of is not None else None
