"""Attention of image tokens to themselves and to prompts, in the cheapest exact form.

Shapes: B images, `tokens` image tokens, P prompt tokens, D token width, `asking` queries.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

__all__ = [
    "BlockPrompts",
    "Projection",
    "PromptKV",
    "attend",
    "attend_from_class_token",
    "attend_with_keys",
]


class PromptKV(NamedTuple):
    """Keys and values of prompt tokens in one block.

    The first axis is 1 for prompts that all images share, and B for one set per image.
    """

    key: Float[Tensor, "B_or_1 heads P head_width"]
    value: Float[Tensor, "B_or_1 heads P head_width"]


BlockPrompts = Sequence[PromptKV]
"""Any number of prompt sets for one block. Their order is irrelevant: prompts have no position."""


class Projection(NamedTuple):
    """A linear map from tokens to the keys or values of every head."""

    weight: Float[Tensor, "heads head_width D"]
    bias: Float[Tensor, "heads head_width"] | None


def attend(
    query: Float[Tensor, "B heads asking head_width"],
    key: Float[Tensor, "B heads tokens head_width"],
    value: Float[Tensor, "B heads tokens head_width"],
    prompts: BlockPrompts,
    scale: float,
    bias: Float[Tensor, "1 heads asking tokens"] | None = None,
) -> Float[Tensor, "B heads asking head_width"]:
    """Compute softmax attention to tokens and prompts together.

    Where the prompts need gradients but the tokens do not (the first block that is trained),
    attention to the tokens is a constant. It joins the prompts' softmax as one more key, whose
    logit is its logsumexp and whose value is its result, so the backward pass neither stores nor
    recomputes it.

    Args:
        query: B x asking queries; `asking` is `tokens`, or 1 for the class token only.
        key, value: of the image tokens.
        prompts: prompt sets, which every query attends to as well.
        scale: factor of the logits, usually head_width ** -0.5.
        bias: is added to the logits of tokens, behind the scale; those of prompts have none.
    """
    if query.device.type == "cpu" and query.dtype == torch.bfloat16:
        key, value = _joined([PromptKV(key, value), *prompts])
        return _attend_in_products(query, key, value, scale, _for_keys(bias, key))
    trainable = [p for p in prompts if p.key.requires_grad]
    if not (trainable and _tokens_are_constant(query)):
        key, value = _joined([PromptKV(key, value), *prompts])
        mask = _for_keys(bias, key)
        return F.scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=scale)
    fixed = [p for p in prompts if not p.key.requires_grad]
    key, value = _joined([PromptKV(key, value), *fixed])
    constant, logit = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
        query, key, value, attn_mask=_for_keys(bias, key), scale=scale
    )
    key, value = _joined(trainable)
    logits = torch.cat([logit.unsqueeze(-1), scale * query @ key.mT], dim=-1)
    weights = logits.softmax(dim=-1)
    mixed: Tensor = weights[..., :1] * constant + weights[..., 1:] @ value
    return mixed


def _for_keys(bias: Tensor | None, key: Tensor) -> Tensor | None:
    """Give the prompts behind the tokens a bias of zero."""
    if bias is None:
        return None
    return F.pad(bias, (0, key.shape[2] - bias.shape[-1])).to(key.dtype)


def _attend_in_products(
    query: Tensor, key: Tensor, value: Tensor, scale: float, bias: Tensor | None
) -> Tensor:
    """Attend with two products and a softmax; the backward pass stores all attention weights.

    On CPUs, torch's fused attention in bf16 runs forward at the speed of float32, and backward two
    to six times slower than these products (docs/benchmarks.md).
    """
    logits = scale * query @ key.mT
    weights = (logits if bias is None else logits + bias).softmax(dim=-1)
    mixed: Tensor = weights.to(value.dtype) @ value
    return mixed


def _tokens_are_constant(query: Tensor) -> bool:
    """Whether no gradient flows into the tokens and torch can return the logsumexp."""
    return (
        torch.is_grad_enabled()
        and not query.requires_grad
        and query.device.type == "cpu"
        and query.dtype == torch.float32
        and hasattr(torch.ops.aten, "_scaled_dot_product_flash_attention_for_cpu")
        and not torch.compiler.is_compiling()
    )


def attend_from_class_token(
    query: Float[Tensor, "B heads 1 head_width"],
    normed: Float[Tensor, "B tokens D"],
    to_key: Projection,
    to_value: Projection,
    prompts: BlockPrompts,
    scale: float,
    bias: Float[Tensor, "1 heads 1 tokens"] | None = None,
) -> Float[Tensor, "B heads 1 head_width"]:
    """Compute the class token's attention without forming keys and values of the patch tokens.

    With one query q per head, q . (W_k x_j) = (W_k^T q) . x_j and
    sum_j a_j W_v x_j = W_v (sum_j a_j x_j), so each projection acts on one row per head instead of
    one row per token. This requires keys that are a linear function of the tokens: no key norm, no
    rotary positions.

    Args:
        normed: the tokens that keys and values are projected from.
        to_key, to_value: the projections.
        prompts, scale, bias: as for `attend`.
    """
    asked = torch.einsum("bhd,hdw->bhw", query[:, :, 0], to_key.weight)
    logits = asked @ normed.mT
    to_prompts = _to_prompts(query, prompts)
    if to_key.bias is not None:  # after the prompts: the order decides the bits of the gradient
        logits = logits + (query[:, :, 0] * to_key.bias).sum(-1, keepdim=True)
    return _mixed(logits, to_prompts, normed, to_value, prompts, scale, bias)


def attend_with_keys(
    query: Float[Tensor, "B heads 1 head_width"],
    key: Float[Tensor, "B heads tokens head_width"],
    normed: Float[Tensor, "B tokens D"],
    to_value: Projection,
    prompts: BlockPrompts,
    scale: float,
) -> Float[Tensor, "B heads 1 head_width"]:
    """Compute the class token's attention without forming values of the patch tokens.

    For keys that are no linear function of the tokens; see `attend_from_class_token`.
    """
    logits = (query @ key.mT).squeeze(2)
    return _mixed(logits, _to_prompts(query, prompts), normed, to_value, prompts, scale, None)


def _to_prompts(query: Tensor, prompts: BlockPrompts) -> list[Tensor]:
    return [(query @ p.key.mT).squeeze(2) for p in prompts]


def _mixed(
    to_tokens: Tensor,
    to_prompts: list[Tensor],
    normed: Tensor,
    to_value: Projection,
    prompts: BlockPrompts,
    scale: float,
    bias: Tensor | None,
) -> Tensor:
    """Attend to tokens and prompts, with logits `to_tokens` (B, heads, tokens) and `to_prompts`."""
    logits = [to_tokens, *to_prompts]
    sizes = [part.shape[-1] for part in logits]
    scaled = scale * torch.cat(logits, -1)
    if bias is not None:
        scaled = scaled + F.pad(bias.squeeze(2), (0, sum(sizes[1:])))
    weights, *shares = torch.split(scaled.softmax(-1), sizes, -1)
    mixed = torch.einsum("bhw,hdw->bhd", weights @ normed, to_value.weight)
    if to_value.bias is not None:
        mixed = mixed + weights.sum(-1, keepdim=True) * to_value.bias
    for share, prompt in zip(shares, prompts, strict=True):
        mixed = mixed + (share.unsqueeze(2) @ prompt.value).squeeze(2)
    return mixed.unsqueeze(2)


def _joined(sets: BlockPrompts) -> PromptKV:
    """Concatenate keys and values; sets shared by all images are expanded to the batch."""
    if len(sets) == 1:
        return sets[0]
    batch = max(kv.key.shape[0] for kv in sets)  # not len, which export makes a constant
    return PromptKV(
        torch.cat([kv.key.expand(batch, -1, -1, -1) for kv in sets], dim=2),
        torch.cat([kv.value.expand(batch, -1, -1, -1) for kv in sets], dim=2),
    )
