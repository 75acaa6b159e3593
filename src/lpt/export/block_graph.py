"""A transformer block of a ViT as nodes of an ONNX graph."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from lpt.backbones.blocks.protocol import PromptedBlock
from lpt.export.graph_builder import GraphBuilder
from lpt.export.nodes.block_parts import parts_of
from lpt.export.nodes.layer_nodes import mlp, norm, scaled_linear

__all__ = ["AdapterValues", "BlockGraph", "KeyValue"]


class KeyValue(NamedTuple):
    """Names of keys and values: each (B, heads, tokens, head width)."""

    key: str
    value: str


class AdapterValues(NamedTuple):
    """Names of the weights of an adapter, as in `lpt.backbones.blocks.bottleneck.Bottleneck`."""

    down: str
    down_bias: str
    up: str
    up_bias: str


class BlockGraph:
    """Adds the nodes of one block, as its wrapper in `lpt.backbones.blocks` computes it.

    The scale of attention is part of the query weights, and a layer scale part of the product
    before it. Queries, keys and values are one product.

    Args:
        graph: receives the nodes.
        block: the wrapped block.
        name: prefix of its constants.

    Attributes:
        adapter: added to the MLP; None for no adapter.
    Raises: BackboneError for a part that has no form in ONNX here.
    """

    def __init__(self, graph: GraphBuilder, block: PromptedBlock, name: str) -> None:
        self.graph, self.parts, self.name = graph, parts_of(block, name), name
        self.heads = self.parts.heads
        self.adapter: AdapterValues | None = None
        self._scales_weights = isinstance(self.parts.q_norm, nn.Identity)

    def keys_values(self, prompts: str) -> KeyValue:
        """Project prompt tokens (B, P, D); they have no position."""
        _, key, value = self._projected(norm(self.graph, prompts, self._norm1, self.parts.norm1))
        return KeyValue(key, value)

    def run(self, tokens: str, prompts: KeyValue | None) -> str:
        """Run the block on all tokens (B, tokens, D)."""
        normed = norm(self.graph, tokens, self._norm1, self.parts.norm1)
        query, key, value = self._projected(normed)
        own = KeyValue(self._rotated(key), value)
        mixed = self._attend(self._rotated(query), own, prompts, self.parts.bias)
        return self._rest(tokens, normed, mixed)

    def run_class_token(self, tokens: str, prompts: KeyValue, count: int) -> str:
        """Run the block for the class token, which is not rotated: (B, 1, D).

        Args:
            count: number of image tokens.
        """
        graph, parts = self.graph, self.parts
        bias = None if parts.bias is None else parts.bias[:, :, :1]
        normed = norm(graph, tokens, self._norm1, parts.norm1)
        class_token, own_normed = graph.part(tokens, 1, 0, 1), graph.part(normed, 1, 0, 1)
        if parts.plain_keys:
            query, _, _ = self._projected(own_normed)
            mixed = self._attend_unprojected(query, normed, prompts, count, bias)
        else:
            query, key, value = self._projected(normed)
            first = graph.part(query, 2, 0, 1)
            mixed = self._attend(first, KeyValue(self._rotated(key), value), prompts, bias)
        return self._rest(class_token, own_normed, mixed)

    @property
    def _norm1(self) -> str:
        return f"{self.name}.norm1"

    def _qkv(self) -> tuple[Tensor, Tensor | None]:
        """Weight and bias of queries, keys and values; queries include the scale of attention."""
        parts = self.parts
        maps = (parts.query, parts.key, parts.value)
        weight = torch.cat([one.weight.detach().flatten(0, 1) for one in maps])
        bias = None
        if any(one.bias is not None for one in maps):
            zeros = weight.new_zeros(parts.width)
            own = [zeros if one.bias is None else one.bias.detach().flatten() for one in maps]
            bias = torch.cat(own)
        if not self._scales_weights:
            return weight, bias
        factor = torch.ones(len(weight), 1)
        factor[: parts.width] = parts.scale
        return weight * factor, None if bias is None else bias * factor[:, 0]

    def _projected(self, normed: str) -> tuple[str, str, str]:
        graph, parts = self.graph, self.parts
        qkv = graph.linear(normed, f"{self.name}.attn.qkv", *self._qkv())
        split = graph.reshape(qkv, 0, -1, 3 * self.heads, parts.head_width)
        every = graph.transpose(split, 0, 2, 1, 3)
        query, key, value = (
            graph.part(every, 1, i * self.heads, (i + 1) * self.heads) for i in range(3)
        )
        query = norm(graph, query, f"{self.name}.attn.q_norm", parts.q_norm)
        key = norm(graph, key, f"{self.name}.attn.k_norm", parts.k_norm)
        if not self._scales_weights:
            query = graph.node("Mul", query, graph.number(parts.scale))
        return query, key, value

    def _rotated(self, x: str) -> str:
        """Rotate queries or keys of image tokens by their position."""
        graph, rotation, turned = self.graph, self.parts.rotation, self.parts.turned
        if rotation is None or turned is None:
            return x
        place = "rotary" if rotation.sin.dim() == 2 else f"{self.name}.rotary"  # of all blocks
        across = graph.node("MatMul", x, graph.constant("rotary.turned", turned))
        along = graph.node("Mul", x, graph.constant(f"{place}.cos", rotation.cos))
        across = graph.node("Mul", across, graph.constant(f"{place}.sin", rotation.sin))
        return graph.node("Add", along, across)

    def _attend(
        self, query: str, own: KeyValue, prompts: KeyValue | None, bias: Tensor | None
    ) -> str:
        """Attend to tokens and prompts: (B, heads, asking, head width)."""
        graph, (key, value) = self.graph, own
        if prompts is not None and bias is None:
            key = graph.node("Concat", key, prompts.key, axis=2)
        logits = graph.node("MatMul", query, graph.transpose(key, 0, 1, 3, 2))
        if bias is not None:
            logits = graph.node("Add", logits, self._stored(bias))
            if prompts is not None:
                extra = graph.node("MatMul", query, graph.transpose(prompts.key, 0, 1, 3, 2))
                logits = graph.node("Concat", logits, extra, axis=3)
        if prompts is not None:
            value = graph.node("Concat", value, prompts.value, axis=2)
        return graph.node("MatMul", graph.node("Softmax", logits, axis=-1), value)

    def _stored(self, bias: Tensor) -> str:
        rows = "own" if bias.shape[2] == 1 else "all"
        return self.graph.constant(f"{self.name}.attn.bias.{rows}", bias)

    def _attend_unprojected(
        self, query: str, normed: str, prompts: KeyValue, count: int, bias: Tensor | None
    ) -> str:
        """As `lpt.backbones.attention.attend_from_class_token`; products batched by head."""
        graph, parts, heads = self.graph, self.parts, self.heads
        name = f"{self.name}.attn"
        by_head = graph.transpose(graph.reshape(query, 0, heads, -1), 1, 0, 2)
        asked = graph.node("MatMul", by_head, graph.constant(f"{name}.key", parts.key.weight))
        asked = graph.transpose(asked, 1, 0, 2)
        logits = graph.node("MatMul", asked, graph.transpose(normed, 0, 2, 1))
        if parts.key.bias is not None:
            stored = graph.constant(f"{name}.key_bias", parts.key.bias.unsqueeze(-1))
            offset = graph.transpose(graph.node("MatMul", by_head, stored), 1, 0, 2)
            logits = graph.node("Add", logits, offset)
        if bias is not None:
            logits = graph.node("Add", logits, self._stored(bias[:, :, 0]))
        extra = graph.node("MatMul", query, graph.transpose(prompts.key, 0, 1, 3, 2))
        logits = graph.node("Concat", logits, graph.reshape(extra, 0, heads, -1), axis=2)
        weights = graph.node("Softmax", logits, axis=-1)
        own, shares = graph.part(weights, 2, 0, count), graph.part(weights, 2, count)
        mixed = graph.transpose(graph.node("MatMul", own, normed), 1, 0, 2)
        projected = graph.constant(f"{name}.value", parts.value.weight.transpose(1, 2))
        mixed = graph.transpose(graph.node("MatMul", mixed, projected), 1, 0, 2)
        if parts.value.bias is not None:
            total = graph.node("ReduceSum", own, graph.numbers(-1), keepdims=1)
            stored = graph.constant(f"{name}.value_bias", parts.value.bias)
            mixed = graph.node("Add", mixed, graph.node("Mul", total, stored))
        shares = graph.node("Unsqueeze", shares, graph.numbers(2))
        added = graph.node("MatMul", shares, prompts.value)
        return graph.node("Add", added, graph.node("Unsqueeze", mixed, graph.numbers(2)))

    def _rest(self, x: str, normed: str, mixed: str) -> str:
        """Everything after attention: output projection, residuals, MLP and adapter."""
        graph, parts, name = self.graph, self.parts, self.name
        flat = graph.reshape(graph.transpose(mixed, 0, 2, 1, 3), 0, -1, parts.width)
        flat = norm(graph, flat, f"{name}.attn.norm", parts.inner_norm)
        if parts.gate is not None:
            gate = parts.gate
            opened = graph.linear(normed, f"{name}.attn.gate", gate.weight, gate.bias)
            flat = graph.node("Mul", flat, graph.node("Sigmoid", opened))
        attended = scaled_linear(graph, flat, f"{name}.attn.proj", parts.proj, parts.scale1)
        x = graph.node("Add", x, attended)
        inner = norm(graph, x, f"{name}.norm2", parts.norm2)
        change = mlp(graph, inner, f"{name}.mlp", parts.mlp, parts.scale2)
        if self.adapter is not None:
            added = self._bottleneck(inner, self.adapter, parts.scale2)
            change = graph.node("Add", change, added)
        return graph.node("Add", x, change)

    def _bottleneck(self, x: str, adapter: AdapterValues, scale: Tensor | None) -> str:
        graph = self.graph
        hidden = graph.node("Add", graph.node("MatMul", x, adapter.down), adapter.down_bias)
        hidden = graph.node("Relu", hidden)
        added = graph.node("Add", graph.node("MatMul", hidden, adapter.up), adapter.up_bias)
        if scale is None:
            return added
        return graph.node("Mul", added, graph.constant(f"{self.name}.ls2", scale))
