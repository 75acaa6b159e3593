"""Attention of image tokens to themselves and to prompts, each form with the least work.

B images, N or tokens: image tokens, P prompt tokens, D width.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from lpt.backbones.linear import frozen_linear

__all__ = [
    "BlockPrompts",
    "PromptKV",
    "attend",
    "class_token_attends",
    "keys_values",
    "queries",
]


class PromptKV(NamedTuple):
    """Keys and values of prompt tokens in one block.

    The first axis is 1 for prompts that all images share, B for prompts of their own.
    """

    key: Float[Tensor, "B_or_1 heads P head_width"]
    value: Float[Tensor, "B_or_1 heads P head_width"]


BlockPrompts = Sequence[PromptKV]
"""The prompts of one block; any number of sets, order irrelevant (they have no position)."""


def attend(
    query: Float[Tensor, "B heads asking head_width"],
    key: Float[Tensor, "B heads tokens head_width"],
    value: Float[Tensor, "B heads tokens head_width"],
    prompts: BlockPrompts,
    scale: float,
) -> Float[Tensor, "B heads asking head_width"]:
    """Softmax attention to tokens and prompts.

    Where prompts learn but tokens do not (the first block that learns), attention to the tokens is
    a constant: it joins the prompts' softmax as one more key, whose logit is its logsumexp and
    whose value is its result. Nothing of it is kept for, or computed in, the backward pass.
    """
    if query.device.type == "cpu" and query.dtype == torch.bfloat16:
        key, value = _joined([PromptKV(key, value), *prompts])
        return _attend_in_products(query, key, value, scale)
    learning = [p for p in prompts if p.key.requires_grad]
    if not (learning and _tokens_are_constant(query)):
        key, value = _joined([PromptKV(key, value), *prompts])
        return F.scaled_dot_product_attention(query, key, value, scale=scale)
    fixed = [p for p in prompts if not p.key.requires_grad]
    key, value = _joined([PromptKV(key, value), *fixed])
    constant, logit = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
        query, key, value, scale=scale
    )
    key, value = _joined(learning)
    logits = torch.cat([logit.unsqueeze(-1), scale * query @ key.mT], dim=-1)
    weights = logits.softmax(dim=-1)
    mixed: Tensor = weights[..., :1] * constant + weights[..., 1:] @ value
    return mixed


def _attend_in_products(query: Tensor, key: Tensor, value: Tensor, scale: float) -> Tensor:
    """Two products and a softmax, which keep the weights of all tokens for the backward pass.

    CPUs: torch's fused attention computes bf16 at the speed of float32 forward and two to six times
    slower than this backward (docs/benchmarks.md).
    """
    weights = (scale * query @ key.mT).softmax(dim=-1)
    mixed: Tensor = weights.to(value.dtype) @ value
    return mixed


def _tokens_are_constant(query: Tensor) -> bool:
    """Whether no gradient flows into the tokens, and torch tells attention's logsumexp."""
    return (
        torch.is_grad_enabled()
        and not query.requires_grad
        and query.device.type == "cpu"
        and query.dtype == torch.float32
        and hasattr(torch.ops.aten, "_scaled_dot_product_flash_attention_for_cpu")
        and not torch.compiler.is_compiling()
    )


def class_token_attends(
    attention: Any, normed: Float[Tensor, "B tokens D"], prompts: BlockPrompts
) -> Float[Tensor, "B heads 1 head_width"]:
    """Attention of the class token alone, without keys and values of the patch tokens.

    One query q a head: q . (W_k x_j) = (W_k^T q) . x_j and sum_j a_j W_v x_j = W_v (sum_j a_j x_j),
    so the projections act on one row a head instead of one a token. A norm of keys forbids that.
    """
    query = queries(attention, normed[:, :1])
    if not isinstance(attention.k_norm, nn.Identity):
        key, value = keys_values(attention, normed)
        return attend(query, key, value, prompts, attention.scale)
    heads, width = attention.num_heads, attention.attn_dim
    key_weight, value_weight = attention.qkv.weight[width:].view(2, heads, -1, normed.shape[-1])
    asked = torch.einsum("bhd,hdw->bhw", query[:, :, 0], key_weight)
    logits = [asked @ normed.mT, *((query @ p.key.mT).squeeze(2) for p in prompts)]
    if attention.qkv.bias is not None:
        key_bias, value_bias = attention.qkv.bias[width:].view(2, heads, -1)
        logits[0] = logits[0] + (query[:, :, 0] * key_bias).sum(-1, keepdim=True)
    sizes = [part.shape[-1] for part in logits]
    weights, *shares = (attention.scale * torch.cat(logits, -1)).softmax(-1).split(sizes, -1)
    mixed = torch.einsum("bhw,hdw->bhd", weights @ normed, value_weight)
    if attention.qkv.bias is not None:
        mixed = mixed + weights.sum(-1, keepdim=True) * value_bias
    for share, prompt in zip(shares, prompts, strict=True):
        mixed = mixed + (share.unsqueeze(2) @ prompt.value).squeeze(2)
    return mixed.unsqueeze(2)


def _joined(sets: BlockPrompts) -> PromptKV:
    """Keys and values one after the other, sets without a batch axis repeated for every image."""
    if len(sets) == 1:
        return sets[0]
    batch = max(len(kv.key) for kv in sets)
    return PromptKV(
        torch.cat([kv.key.expand(batch, -1, -1, -1) for kv in sets], dim=2),
        torch.cat([kv.value.expand(batch, -1, -1, -1) for kv in sets], dim=2),
    )


def queries(
    attention: Any, normed: Float[Tensor, "B tokens D"]
) -> Float[Tensor, "B heads tokens head_width"]:
    """Project tokens to queries."""
    (query,) = _project(attention, normed, slice(0, attention.attn_dim))
    normed_query: Tensor = attention.q_norm(query)
    return normed_query


def keys_values(attention: Any, normed: Float[Tensor, "B tokens D"]) -> PromptKV:
    """Project tokens to keys and values.

    Apart from the queries, so that training keeps no copy of them beside the one with prompts.
    """
    width = attention.attn_dim
    key, value = _project(attention, normed, slice(width, 3 * width))
    return PromptKV(attention.k_norm(key), value)


def _project(attention: Any, x: Tensor, rows: slice) -> tuple[Tensor, ...]:
    """Apply rows of qkv, which stand in the order q, k, v, and split them into heads."""
    weight, bias = attention.qkv.weight[rows], attention.qkv.bias
    out = frozen_linear(x, weight, None if bias is None else bias[rows])
    batch, tokens, width = out.shape
    parts = width // attention.attn_dim
    heads = out.view(batch, tokens, parts, attention.num_heads, -1)
    return heads.permute(2, 0, 3, 1, 4).unbind(0)
