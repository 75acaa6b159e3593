"""The wrapper of timm's `EvaBlock` (DINOv3, EVA-02, PE-Core, ROPE-ViT, EVA)."""

from typing import Any

from jaxtyping import Float
from timm.layers import AttentionRope
from timm.models.eva import EvaAttention, EvaBlock
from torch import Tensor

from lpt.backbones.attention import (
    BlockPrompts,
    PromptKV,
    attend,
    attend_from_class_token,
    attend_with_keys,
)
from lpt.backbones.blocks.bottleneck import Bottleneck
from lpt.backbones.blocks.frozen_mlp import run_mlp
from lpt.backbones.blocks.projected_heads import (
    keys,
    keys_values,
    plain_keys,
    projection,
    queries,
)
from lpt.backbones.blocks.rotary import RotaryPositions

__all__ = ["TimmEvaBlock"]


class TimmEvaBlock:
    """timm's `EvaBlock` as a `PromptedBlock`.

        x <- x + gamma_1 proj(norm(attention(norm1(x), prompts))),
        x <- x + gamma_2 (mlp(norm2(x)) + adapter(norm2(x)))

    Queries and keys of patch tokens are rotated; prefix tokens and prompts are not. The norm of
    attention (sub-LN), the gate and both gammas are left out in most models.

    Args:
        block: timm's.
        positions: of all blocks of the model.
        index: of the block.
    """

    def __init__(self, block: Any, positions: RotaryPositions, index: int) -> None:
        self.block, self.positions, self.index = block, positions, index

    @classmethod
    def of(cls, block: Any, positions: RotaryPositions, index: int) -> "TimmEvaBlock | None":
        """Wrap a block; return None for a post-norm block or an unknown attention."""
        known = type(block) is EvaBlock and type(block.attn) in (EvaAttention, AttentionRope)
        return cls(block, positions, index) if known else None

    @property
    def heads(self) -> int:
        """Number of attention heads."""
        number: int = self.block.attn.num_heads
        return number

    def prompt_kv(self, prompts: Float[Tensor, "B_or_1 P D"]) -> PromptKV:
        """Project prompt tokens to keys and values, through `norm1`; keys are not rotated."""
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
        query, key = self._rotated(query), self._rotated(key)
        mixed = attend(query, key, value, prompts, attention.scale)
        return self._rest(tokens, normed, mixed, adapter)

    def run_class_token(
        self,
        tokens: Float[Tensor, "B tokens D"],
        prompts: BlockPrompts,
        adapter: Bottleneck | None = None,
    ) -> Float[Tensor, "B 1 D"]:
        """Run the block for the class token only.

        Rotated keys are no linear function of the tokens, so they are formed; values are not.
        """
        attention = self.block.attn
        normed = self.block.norm1(tokens)
        query = queries(attention, normed[:, :1])  # the class token is not rotated
        to_key, to_value = projection(attention, "k"), projection(attention, "v")
        if to_key is None or to_value is None:
            key, value = keys_values(attention, normed)
            mixed = attend(query, self._rotated(key), value, prompts, attention.scale)
        elif plain_keys(attention) and self.positions.of_block(self.index) is None:
            mixed = attend_from_class_token(
                query, normed, to_key, to_value, prompts, attention.scale
            )
        else:
            key = self._rotated(keys(attention, normed))
            mixed = attend_with_keys(query, key, normed, to_value, prompts, attention.scale)
        return self._rest(tokens[:, :1], normed[:, :1], mixed, adapter)

    def _rotated(self, x: Tensor) -> Tensor:
        rotation = self.positions.of_block(self.index)
        return x if rotation is None else rotation.rotated(x, half=self.block.attn.rotate_half)

    def _rest(self, x: Tensor, normed: Tensor, mixed: Tensor, adapter: Bottleneck | None) -> Tensor:
        """Everything after attention: output projection, residuals, MLP and adapter."""
        block = self.block
        mixed = block.attn.norm(mixed.transpose(1, 2).flatten(2))
        if block.attn.gate is not None:
            mixed = mixed * block.attn.gate(normed).sigmoid()
        attended = block.attn.proj(mixed)
        x = x + (attended if block.gamma_1 is None else block.gamma_1 * attended)
        inner = block.norm2(x)
        change = run_mlp(block.mlp, inner)
        if adapter is not None:
            change = change + adapter.added(inner)
        result: Tensor = x + (change if block.gamma_2 is None else block.gamma_2 * change)
        return result
