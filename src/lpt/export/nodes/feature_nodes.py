"""The feature of a ViT as nodes of an ONNX graph, where it is read from the patch tokens."""

from typing import Any

import torch
from timm.layers import AttentionPoolLatent

from lpt.backbones.towers.feature import Feature
from lpt.export.graph_builder import GraphBuilder
from lpt.export.nodes.layer_nodes import mlp, norm, unsupported

__all__ = ["pooled_feature"]


def pooled_feature(graph: GraphBuilder, model: Any, feature: Feature, tokens: str) -> str:
    """Read the feature from the tokens after the last block.

    Args:
        model: of timm.
        feature: any but the class token, which needs no whole last block.
        tokens: (B, tokens, D), with those that precede the patches.
    Returns: (B, D), or (B, 2 D) for class token and mean.
    Raises: BackboneError for a pool that has no form in ONNX here.
    """
    prefix = model.num_prefix_tokens
    if feature is Feature.CLASS_AND_MEAN:
        normed = norm(graph, tokens, "norm", model.norm)
        first = graph.reshape(graph.part(normed, 1, 0, 1), 0, model.embed_dim)
        both = (first, _mean(graph, graph.part(normed, 1, prefix), model))
        parts = (graph.unit(norm(graph, part, "fc_norm", model.fc_norm)) for part in both)
        return graph.node("Concat", *parts, axis=1)
    if feature is Feature.MEAN:
        read = _mean(graph, norm(graph, graph.part(tokens, 1, prefix), "norm", model.norm), model)
    else:
        normed = norm(graph, tokens, "norm", model.norm)
        if not getattr(model, "pool_include_prefix", True):  # timm's Eva pools all tokens
            normed = graph.part(normed, 1, prefix)
        read = _attention_pool(graph, normed, model.attn_pool)
    return norm(graph, read, "fc_norm", model.fc_norm)


def _mean(graph: GraphBuilder, patches: str, model: Any) -> str:
    total = graph.node("ReduceSum", patches, graph.numbers(1), keepdims=0)
    return graph.node("Mul", total, graph.number(1 / model.patch_embed.num_patches))


@torch.no_grad()
def _attention_pool(graph: GraphBuilder, x: str, pool: Any) -> str:
    """timm's `AttentionPoolLatent`; its queries do not depend on the image."""
    name = "attn_pool"
    known = type(pool) is AttentionPoolLatent and pool.mlp is not None and pool.pos_embed is None
    if not known or pool.latent_len != 1 or pool.pool != "token":
        raise unsupported(name, type(pool).__name__)
    heads, width = pool.num_heads, pool.head_dim
    asked = pool.q(pool.latent).reshape(1, 1, heads, width).transpose(1, 2)
    query = graph.constant(f"{name}.query", pool.q_norm(asked) * pool.scale)
    both = graph.linear(x, f"{name}.kv", pool.kv.weight, pool.kv.bias)
    every = graph.transpose(graph.reshape(both, 0, -1, 2 * heads, width), 0, 2, 1, 3)
    key, value = graph.part(every, 1, 0, heads), graph.part(every, 1, heads, 2 * heads)
    key = norm(graph, key, f"{name}.k_norm", pool.k_norm)
    logits = graph.node("MatMul", query, graph.transpose(key, 0, 1, 3, 2))
    mixed = graph.node("MatMul", graph.node("Softmax", logits, axis=-1), value)
    flat = graph.reshape(graph.transpose(mixed, 0, 2, 1, 3), 0, -1, heads * width)
    projected = graph.linear(flat, f"{name}.proj", pool.proj.weight, pool.proj.bias)
    inner = norm(graph, projected, f"{name}.norm", pool.norm)
    added = mlp(graph, inner, f"{name}.mlp", pool.mlp)
    return graph.reshape(graph.node("Add", projected, added), 0, pool.out_features)
