"""The wrapper of the block of timm's `Beit` (BEiT, BEiT v2)."""

from typing import Any

from jaxtyping import Float
from timm.models.beit import Attention, Block
from torch import Tensor

from lpt.backbones.attention import BlockPrompts, PromptKV, attend, attend_from_class_token
from lpt.backbones.blocks.bottleneck import Bottleneck
from lpt.backbones.blocks.frozen_mlp import run_mlp
from lpt.backbones.blocks.projected_heads import keys_values, projection, queries

__all__ = ["TimmBeitBlock"]


class TimmBeitBlock:
    """timm's block of BEiT as a `PromptedBlock`.

        x <- x + gamma_1 proj(attention(norm1(x), prompts)),
        x <- x + gamma_2 (mlp(norm2(x)) + adapter(norm2(x)))

    Each pair of image tokens has a bias in attention, by their relative position; pairs of an image
    token and a prompt have none (a bias of zero).

    Args:
        block: timm's.
        shared_bias: the module with the biases that all blocks share; None for a model without.

    Source: BEiT (Bao et al., ICLR 2022), section 2.2.
    """

    def __init__(self, block: Any, shared_bias: Any = None) -> None:
        self.block, self.shared_bias = block, shared_bias

    @classmethod
    def of(cls, block: Any, shared_bias: Any = None) -> "TimmBeitBlock | None":
        """Wrap a block; return None if its attention is not that of timm's `Beit`."""
        known = type(block) is Block and type(block.attn) is Attention
        return cls(block, shared_bias) if known else None

    @property
    def heads(self) -> int:
        """Number of attention heads."""
        number: int = self.block.attn.num_heads
        return number

    def prompt_kv(self, prompts: Float[Tensor, "B_or_1 P D"]) -> PromptKV:
        """Project prompt tokens to keys and values, through `norm1`."""
        return keys_values(self.block.attn, self.block.norm1(prompts))

    def run(
        self,
        tokens: Float[Tensor, "B tokens D"],
        prompts: BlockPrompts,
        adapter: Bottleneck | None = None,
    ) -> Float[Tensor, "B tokens D"]:
        """Run the block on all tokens."""
        attention = self.block.attn
        normed = self.block.norm1(tokens)
        query, (key, value) = queries(attention, normed), keys_values(attention, normed)
        mixed = attend(query, key, value, prompts, attention.scale, self.position_bias())
        return self._rest(tokens, mixed, adapter)

    def run_class_token(
        self,
        tokens: Float[Tensor, "B tokens D"],
        prompts: BlockPrompts,
        adapter: Bottleneck | None = None,
    ) -> Float[Tensor, "B 1 D"]:
        """Run the block for the class token only: one query and one row of the MLP."""
        attention = self.block.attn
        normed, bias = self.block.norm1(tokens), self.position_bias()
        to_key, to_value = projection(attention, "k"), projection(attention, "v")
        assert to_key is not None
        assert to_value is not None
        mixed = attend_from_class_token(
            queries(attention, normed[:, :1]),
            normed,
            to_key,
            to_value,
            prompts,
            attention.scale,
            None if bias is None else bias[:, :, :1],
        )
        return self._rest(tokens[:, :1], mixed, adapter)

    def position_bias(self) -> Float[Tensor, "1 heads tokens tokens"] | None:
        """Return the bias of each pair of image tokens; None for a block without."""
        attention, shared = self.block.attn, self.shared_bias
        own = attention.relative_position_bias_table is not None
        bias: Tensor | None = attention._get_rel_pos_bias() if own else None
        if shared is not None:
            common = shared().unsqueeze(0)
            bias = common if bias is None else bias + common
        return bias

    def _rest(self, x: Tensor, mixed: Tensor, adapter: Bottleneck | None) -> Tensor:
        """Everything after attention: output projection, residuals, MLP and adapter."""
        block = self.block
        attended = block.attn.proj(mixed.transpose(1, 2).flatten(2))
        x = x + (attended if block.gamma_1 is None else block.gamma_1 * attended)
        inner = block.norm2(x)
        change = run_mlp(block.mlp, inner)
        if adapter is not None:
            change = change + adapter.added(inner)
        result: Tensor = x + (change if block.gamma_2 is None else block.gamma_2 * change)
        return result
