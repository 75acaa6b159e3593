"""The interface between `FrozenViT` and one transformer block."""

from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from lpt.backbones.attention import BlockPrompts, PromptKV
from lpt.backbones.blocks.bottleneck import Bottleneck

__all__ = ["PromptedBlock"]


@runtime_checkable
class PromptedBlock(Protocol):
    """One block of a frozen ViT, run with prompts as extra keys and values of its attention.

    It wraps the model's own block and reads its submodules at every call, so that a baseline may
    replace them. It holds no parameters: prompts and adapters are arguments. Token order is [class,
    others, patches]; prompts have no position. Products with frozen weights go through
    `lpt.backbones.linear.frozen_linear`, and gradients flow to tokens, prompts and adapters only.

    Attributes:
        heads: number of attention heads.
    """

    @property
    def heads(self) -> int:
        """Number of attention heads."""
        ...

    def prompt_kv(self, prompts: Float[Tensor, "B_or_1 P D"]) -> PromptKV:
        """Project prompt tokens to keys and values, through the norm that precedes attention."""
        ...

    def run(
        self,
        tokens: Float[Tensor, "B tokens D"],
        prompts: BlockPrompts,
        adapter: Bottleneck | None = None,
    ) -> Float[Tensor, "B tokens D"]:
        """Run the block on all tokens, which attend to themselves and to the prompts.

        Args:
            adapter: what it computes of the input of the MLP is added to the output of the MLP.
        """
        ...

    def run_class_token(
        self,
        tokens: Float[Tensor, "B tokens D"],
        prompts: BlockPrompts,
        adapter: Bottleneck | None = None,
    ) -> Float[Tensor, "B 1 D"]:
        """Run the block for the class token only; equals the first token of `run`."""
        ...
