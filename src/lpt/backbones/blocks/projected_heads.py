"""Queries, keys and values of timm's `Eva` and `Beit`, whose projections have several forms.

One product `qkv` with its own bias, one with separate biases of queries and values, or three
products. Fewer heads for keys than for queries (grouped-query attention) are repeated.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lpt.backbones.attention import Projection, PromptKV
from lpt.backbones.compact.compact_weight import CompactWeight, expanded
from lpt.backbones.linear import frozen_linear

__all__ = ["keys", "keys_values", "plain_keys", "projection", "queries"]

_Q, _K, _V = 0, 1, 2


def queries(
    attention: Any, normed: Float[Tensor, "B tokens D"]
) -> Float[Tensor, "B heads tokens head_width"]:
    """Project to queries, through the norm of queries if there is one."""
    (query,) = _project(attention, normed, _Q, _K)
    return _normed(attention, "q_norm", query)


def keys(
    attention: Any, normed: Float[Tensor, "B tokens D"]
) -> Float[Tensor, "B heads tokens head_width"]:
    """Project to keys alone, through the norm of keys if there is one."""
    (key,) = _project(attention, normed, _K, _V)
    return _repeated(attention, _normed(attention, "k_norm", key))


def keys_values(attention: Any, normed: Float[Tensor, "B_or_1 tokens D"]) -> PromptKV:
    """Project to keys and values, in one product where the model has one."""
    key, value = _project(attention, normed, _K, _V + 1)
    key = _normed(attention, "k_norm", key)
    return PromptKV(_repeated(attention, key), _repeated(attention, value))


def plain_keys(attention: Any) -> bool:
    """Whether keys are a linear function of the tokens, head by head."""
    norm = getattr(attention, "k_norm", None)
    return (norm is None or isinstance(norm, nn.Identity)) and not _grouped(attention)


def projection(attention: Any, part: str) -> Projection | None:
    """Return the map from tokens to queries ("q"), keys ("k") or values ("v").

    Returns: None with grouped heads.
    """
    if _grouped(attention):
        return None
    number = "qkv".index(part)
    ((weight, bias),) = _maps(attention, number, number + 1)
    heads = attention.num_heads
    own = None if bias is None else bias.view(heads, -1)
    return Projection(expanded(weight).view(heads, -1, weight.shape[-1]), own)


def _project(attention: Any, x: Tensor, first: int, last: int) -> tuple[Tensor, ...]:
    """Apply the projections first..last-1 of q, k, v, and split each result into heads."""
    batch, tokens = x.shape[:2]
    maps = _maps(attention, first, last)
    outs = [frozen_linear(x, weight, bias) for weight, bias in maps]
    parts = (last - first) // len(maps)
    width = attention.proj.in_features // attention.num_heads
    heads = [out.view(batch, tokens, parts, -1, width) for out in outs]
    return tuple(part for head in heads for part in head.permute(2, 0, 3, 1, 4).unbind(0))


def _maps(
    attention: Any, first: int, last: int
) -> list[tuple[Tensor | CompactWeight, Tensor | None]]:
    """Weights and biases of the projections first..last-1, joined where the model joins them."""
    if attention.qkv is None:
        separate = (attention.q_proj, attention.k_proj, attention.v_proj)[first:last]
        return [(linear.weight, linear.bias) for linear in separate]
    qkv, width = attention.qkv, attention.qkv.weight.shape[0] // 3
    rows = slice(first * width, last * width)
    bias = None if qkv.bias is None else qkv.bias[rows]
    if getattr(attention, "q_bias", None) is not None:
        own = (attention.q_bias, attention.k_bias, attention.v_bias)[first:last]
        bias = torch.cat(own) if len(own) > 1 else own[0]
    return [(qkv.weight[rows], bias)]


def _normed(attention: Any, norm: str, x: Tensor) -> Tensor:
    own = getattr(attention, norm, None)
    normed: Tensor = x if own is None else own(x)
    return normed


def _grouped(attention: Any) -> bool:
    return getattr(attention, "num_kv_groups", 1) > 1


def _repeated(attention: Any, x: Tensor) -> Tensor:
    groups = getattr(attention, "num_kv_groups", 1)
    return x.repeat_interleave(groups, dim=1) if groups > 1 else x
