"""The wrapper of timm's pre-norm ViT block (ViT, DeiT, DINO, DINOv2, CLIP, MAE)."""

from typing import Any

from jaxtyping import Float
from timm.models.vision_transformer import Attention, Block
from torch import Tensor, nn

from lpt.backbones.attention import (
    BlockPrompts,
    Projection,
    PromptKV,
    attend,
    attend_from_class_token,
)
from lpt.backbones.blocks.bottleneck import Bottleneck
from lpt.backbones.blocks.frozen_mlp import run_mlp
from lpt.backbones.compact.compact_weight import expanded
from lpt.backbones.linear import frozen_linear

__all__ = ["TimmViTBlock"]


class TimmViTBlock:
    """timm's `Block` as a `PromptedBlock`.

        x <- x + ls1(proj(norm(attention(norm1(x), prompts)))),
        x <- x + ls2(mlp(norm2(x)) + adapter(norm2(x)))

    Layer scales, the norms of queries, keys and attention, and the gate are identities in most
    models. Without an adapter, its term is left out.
    """

    def __init__(self, block: Any) -> None:
        self.block = block

    @classmethod
    def of(cls, block: Any) -> "TimmViTBlock | None":
        """Wrap a block; return None if its attention is not timm's plain one."""
        return cls(block) if type(block) is Block and type(block.attn) is Attention else None

    @property
    def heads(self) -> int:
        """Number of attention heads."""
        number: int = self.block.attn.num_heads
        return number

    def prompt_kv(self, prompts: Float[Tensor, "B_or_1 P D"]) -> PromptKV:
        """Project prompt tokens to keys and values, through `norm1`."""
        return _keys_values(self.block.attn, self.block.norm1(prompts))

    def run(
        self,
        tokens: Float[Tensor, "B tokens D"],
        prompts: BlockPrompts,
        adapter: Bottleneck | None = None,
    ) -> Float[Tensor, "B tokens D"]:
        """Run the block on all tokens."""
        attention = self.block.attn
        normed = self.block.norm1(tokens)
        query, (key, value) = _queries(attention, normed), _keys_values(attention, normed)
        mixed = attend(query, key, value, prompts, attention.scale)
        return self._rest(tokens, normed, mixed, adapter)

    def run_class_token(
        self,
        tokens: Float[Tensor, "B tokens D"],
        prompts: BlockPrompts,
        adapter: Bottleneck | None = None,
    ) -> Float[Tensor, "B 1 D"]:
        """Run the block for the class token only: one query and one row of the MLP."""
        attention = self.block.attn
        normed = self.block.norm1(tokens)
        query = _queries(attention, normed[:, :1])
        if isinstance(attention.k_norm, nn.Identity):
            mixed = attend_from_class_token(
                query, normed, *_key_value_projections(attention), prompts, attention.scale
            )
        else:  # keys of patch tokens must be formed before they can be normalised
            key, value = _keys_values(attention, normed)
            mixed = attend(query, key, value, prompts, attention.scale)
        return self._rest(tokens[:, :1], normed[:, :1], mixed, adapter)

    def _rest(self, x: Tensor, normed: Tensor, mixed: Tensor, adapter: Bottleneck | None) -> Tensor:
        """Everything after attention: output projection, residuals, MLP and adapter."""
        block = self.block
        mixed = block.attn.norm(mixed.transpose(1, 2).flatten(2))
        if block.attn.gate is not None:
            mixed = mixed * block.attn.gate(normed).sigmoid()
        x = x + block.ls1(block.attn.proj(mixed))
        inner = block.norm2(x)
        change = run_mlp(block.mlp, inner)
        if adapter is not None:
            change = change + adapter.added(inner)
        result: Tensor = x + block.ls2(change)
        return result


def _queries(
    attention: Any, normed: Float[Tensor, "B tokens D"]
) -> Float[Tensor, "B heads tokens head_width"]:
    (query,) = _project(attention, normed, slice(0, attention.attn_dim))
    normed_query: Tensor = attention.q_norm(query)
    return normed_query


def _keys_values(attention: Any, normed: Float[Tensor, "B tokens D"]) -> PromptKV:
    """Project to keys and values in one product.

    Queries are projected separately, so that training holds one copy of keys and values (the one
    with the prompts), not two.
    """
    width = attention.attn_dim
    key, value = _project(attention, normed, slice(width, 3 * width))
    return PromptKV(attention.k_norm(key), value)


def _project(attention: Any, x: Tensor, rows: slice) -> tuple[Tensor, ...]:
    """Apply some rows of `qkv` (in the order q, k, v) and split the result into heads."""
    weight, bias = attention.qkv.weight[rows], attention.qkv.bias
    out = frozen_linear(x, weight, None if bias is None else bias[rows])
    batch, tokens, width = out.shape
    parts = width // attention.attn_dim
    heads = out.view(batch, tokens, parts, attention.num_heads, -1)
    return heads.permute(2, 0, 3, 1, 4).unbind(0)


def _key_value_projections(attention: Any) -> tuple[Projection, Projection]:
    heads, width, qkv = attention.num_heads, attention.attn_dim, attention.qkv
    key, value = expanded(qkv.weight[width:]).view(2, heads, -1, qkv.weight.shape[-1])
    if qkv.bias is None:
        return Projection(key, None), Projection(value, None)
    key_bias, value_bias = qkv.bias[width:].view(2, heads, -1)
    return Projection(key, key_bias), Projection(value, value_bias)
