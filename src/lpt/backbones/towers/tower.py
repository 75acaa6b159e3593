"""The interface between `FrozenViT` and one class of timm's models."""

from typing import Any, Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from lpt.backbones.blocks.protocol import PromptedBlock

__all__ = ["Tower"]


@runtime_checkable
class Tower(Protocol):
    """Everything of a model but its blocks and its pool: patches, positions and prefix tokens.

    It holds no parameters but those of the model.

    Attributes:
        model: timm's.
    """

    model: Any

    def embed(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B tokens D"]:
        """Turn images into the tokens that enter the first block, prefix tokens first."""
        ...

    def wrap(self, index: int) -> PromptedBlock | None:
        """Wrap a block of the model; return None if it cannot take prompts."""
        ...

    def run_own_blocks(self, tokens: Float[Tensor, "B tokens D"]) -> Float[Tensor, "B tokens D"]:
        """Run all blocks as timm does, with gradients for their weights."""
        ...
