"""A transformer block of a ViT as nodes of an ONNX graph."""

from typing import Any, NamedTuple

import torch
from timm.layers import GluMlp, LayerScale, Mlp, SwiGLU
from timm.models.vision_transformer import Attention, Block
from torch import Tensor, nn

from lpt.errors import BackboneError
from lpt.export.graph_builder import GraphBuilder

__all__ = ["AdapterValues", "BlockGraph", "KeyValue", "norm"]


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
    """Adds the nodes of one block, as `lpt.backbones.blocks.timm_vit.TimmViTBlock` computes it.

    The scale of attention is part of the query weights, and a layer scale part of the product
    before it. Queries, keys and values are one product.

    Args:
        graph: receives the nodes.
        block: timm's block.
        name: prefix of its constants.

    Attributes:
        adapter: added to the MLP; None for no adapter.
    Raises: BackboneError for a part that has no form in ONNX here.
    """

    def __init__(self, graph: GraphBuilder, block: Any, name: str) -> None:
        if type(block) is not Block or type(block.attn) is not Attention:
            raise _unsupported(name, type(block).__name__)
        self.graph, self.block, self.name = graph, block, name
        self.heads: int = block.attn.num_heads
        self.adapter: AdapterValues | None = None
        self._scales_weights = isinstance(block.attn.q_norm, nn.Identity)

    def keys_values(self, prompts: str) -> KeyValue:
        """Project prompt tokens (B, P, D)."""
        _, key, value = self._projected(norm(self.graph, prompts, self._norm1, self.block.norm1))
        return KeyValue(key, value)

    def run(self, tokens: str, prompts: KeyValue | None) -> str:
        """Run the block on all tokens (B, tokens, D)."""
        normed = norm(self.graph, tokens, self._norm1, self.block.norm1)
        query, key, value = self._projected(normed)
        return self._rest(tokens, normed, self._attend(query, KeyValue(key, value), prompts))

    def run_class_token(self, tokens: str, prompts: KeyValue, count: int) -> str:
        """Run the block for the class token: (B, 1, D).

        Args:
            count: number of image tokens.
        """
        graph, attention = self.graph, self.block.attn
        normed = norm(graph, tokens, self._norm1, self.block.norm1)
        class_token, own_normed = graph.part(tokens, 1, 0, 1), graph.part(normed, 1, 0, 1)
        if isinstance(attention.k_norm, nn.Identity):
            query, _, _ = self._projected(own_normed)
            mixed = self._attend_unprojected(query, normed, prompts, count)
        else:
            query, key, value = self._projected(normed)
            first = graph.part(query, 2, 0, 1)
            mixed = self._attend(first, KeyValue(key, value), prompts)
        return self._rest(class_token, own_normed, mixed)

    @property
    def _norm1(self) -> str:
        return f"{self.name}.norm1"

    def _qkv(self) -> tuple[Tensor, Tensor | None]:
        """Weight and bias of queries, keys and values; queries include the scale of attention."""
        attention = self.block.attn
        weight, bias = attention.qkv.weight.detach(), attention.qkv.bias
        if not self._scales_weights:
            return weight, bias
        factor = torch.ones(len(weight), 1)
        factor[: attention.attn_dim] = attention.scale
        return weight * factor, None if bias is None else bias.detach() * factor[:, 0]

    def _projected(self, normed: str) -> tuple[str, str, str]:
        graph, attention = self.graph, self.block.attn
        qkv = graph.linear(normed, f"{self.name}.attn.qkv", *self._qkv())
        split = graph.reshape(qkv, 0, -1, 3 * self.heads, attention.head_dim)
        every = graph.transpose(split, 0, 2, 1, 3)
        query, key, value = (
            graph.part(every, 1, i * self.heads, (i + 1) * self.heads) for i in range(3)
        )
        query = norm(graph, query, f"{self.name}.attn.q_norm", attention.q_norm)
        key = norm(graph, key, f"{self.name}.attn.k_norm", attention.k_norm)
        if not self._scales_weights:
            query = graph.node("Mul", query, graph.number(attention.scale))
        return query, key, value

    def _attend(self, query: str, own: KeyValue, prompts: KeyValue | None) -> str:
        """Attend to tokens and prompts: (B, heads, asking, head width)."""
        graph, (key, value) = self.graph, own
        if prompts is not None:
            key = graph.node("Concat", key, prompts.key, axis=2)
            value = graph.node("Concat", value, prompts.value, axis=2)
        logits = graph.node("MatMul", query, graph.transpose(key, 0, 1, 3, 2))
        return graph.node("MatMul", graph.node("Softmax", logits, axis=-1), value)

    def _attend_unprojected(self, query: str, normed: str, prompts: KeyValue, count: int) -> str:
        """As `lpt.backbones.attention.attend_from_class_token`; products batched by head."""
        graph, attention, heads = self.graph, self.block.attn, self.heads
        inner = attention.attn_dim
        weight, bias = attention.qkv.weight.detach(), attention.qkv.bias
        to_key, to_value = weight[inner:].view(2, heads, attention.head_dim, -1)
        name = f"{self.name}.attn"
        by_head = graph.transpose(graph.reshape(query, 0, heads, -1), 1, 0, 2)
        asked = graph.node("MatMul", by_head, graph.constant(f"{name}.key", to_key))
        asked = graph.transpose(asked, 1, 0, 2)
        logits = graph.node("MatMul", asked, graph.transpose(normed, 0, 2, 1))
        if bias is not None:
            key_bias, value_bias = bias.detach()[inner:].view(2, heads, -1)
            stored = graph.constant(f"{name}.key_bias", key_bias.unsqueeze(-1))
            offset = graph.transpose(graph.node("MatMul", by_head, stored), 1, 0, 2)
            logits = graph.node("Add", logits, offset)
        extra = graph.node("MatMul", query, graph.transpose(prompts.key, 0, 1, 3, 2))
        logits = graph.node("Concat", logits, graph.reshape(extra, 0, heads, -1), axis=2)
        weights = graph.node("Softmax", logits, axis=-1)
        own, shares = graph.part(weights, 2, 0, count), graph.part(weights, 2, count)
        mixed = graph.transpose(graph.node("MatMul", own, normed), 1, 0, 2)
        projected = graph.constant(f"{name}.value", to_value.transpose(1, 2))
        mixed = graph.transpose(graph.node("MatMul", mixed, projected), 1, 0, 2)
        if bias is not None:
            total = graph.node("ReduceSum", own, graph.numbers(-1), keepdims=1)
            stored = graph.constant(f"{name}.value_bias", value_bias)
            mixed = graph.node("Add", mixed, graph.node("Mul", total, stored))
        shares = graph.node("Unsqueeze", shares, graph.numbers(2))
        added = graph.node("MatMul", shares, prompts.value)
        return graph.node("Add", added, graph.node("Unsqueeze", mixed, graph.numbers(2)))

    def _rest(self, x: str, normed: str, mixed: str) -> str:
        """Everything after attention: output projection, residuals, MLP and adapter."""
        graph, block, name = self.graph, self.block, self.name
        flat = graph.reshape(graph.transpose(mixed, 0, 2, 1, 3), 0, -1, block.attn.attn_dim)
        flat = norm(graph, flat, f"{name}.attn.norm", block.attn.norm)
        if block.attn.gate is not None:
            gate = block.attn.gate
            opened = graph.linear(normed, f"{name}.attn.gate", gate.weight, gate.bias)
            flat = graph.node("Mul", flat, graph.node("Sigmoid", opened))
        proj, scale = block.attn.proj, _scale(block.ls1, f"{name}.ls1")
        x = graph.node("Add", x, self._scaled(flat, f"{name}.attn.proj", proj, scale))
        inner = norm(graph, x, f"{name}.norm2", block.norm2)
        scale = _scale(block.ls2, f"{name}.ls2")
        change = self._mlp(inner, scale)
        if self.adapter is not None:
            change = graph.node("Add", change, self._bottleneck(inner, self.adapter, scale))
        return graph.node("Add", x, change)

    def _bottleneck(self, x: str, adapter: AdapterValues, scale: Tensor | None) -> str:
        graph = self.graph
        hidden = graph.node("Add", graph.node("MatMul", x, adapter.down), adapter.down_bias)
        hidden = graph.node("Relu", hidden)
        added = graph.node("Add", graph.node("MatMul", hidden, adapter.up), adapter.up_bias)
        if scale is None:
            return added
        return graph.node("Mul", added, graph.constant(f"{self.name}.ls2", scale))

    def _mlp(self, x: str, scale: Tensor | None) -> str:
        graph, mlp, name = self.graph, self.block.mlp, f"{self.name}.mlp"
        if type(mlp) is Mlp:
            hidden = graph.linear(x, f"{name}.fc1", mlp.fc1.weight, mlp.fc1.bias)
            hidden = _activated(graph, hidden, mlp.act, name)
        elif type(mlp) is GluMlp and mlp.chunk_dim == -1:
            both = graph.linear(x, f"{name}.fc1", mlp.fc1.weight, mlp.fc1.bias)
            half = mlp.fc1.weight.shape[0] // 2
            parts = [graph.part(both, 2, 0, half), graph.part(both, 2, half)]
            linear, gate = parts if mlp.gate_last else parts[::-1]
            hidden = graph.node("Mul", linear, _activated(graph, gate, mlp.act, name))
        elif type(mlp) is SwiGLU:
            gate = graph.linear(x, f"{name}.fc1_g", mlp.fc1_g.weight, mlp.fc1_g.bias)
            linear = graph.linear(x, f"{name}.fc1_x", mlp.fc1_x.weight, mlp.fc1_x.bias)
            hidden = graph.node("Mul", _activated(graph, gate, mlp.act, name), linear)
        else:
            raise _unsupported(name, type(mlp).__name__)
        hidden = norm(graph, hidden, f"{name}.norm", mlp.norm)
        return self._scaled(hidden, f"{name}.fc2", mlp.fc2, scale)

    def _scaled(self, x: str, name: str, layer: nn.Linear, scale: Tensor | None) -> str:
        weight = layer.weight.detach()
        bias = None if layer.bias is None else layer.bias.detach()
        if scale is not None:
            weight = weight * scale[:, None]
            bias = None if bias is None else bias * scale
        return self.graph.linear(x, name, weight, bias)


def norm(graph: GraphBuilder, x: str, name: str, module: nn.Module) -> str:
    """Add a LayerNorm, or nothing for an identity. Raises: BackboneError for other norms."""
    if isinstance(module, nn.Identity):
        return x
    if not isinstance(module, nn.LayerNorm):
        raise _unsupported(name, type(module).__name__)
    return graph.layer_norm(x, name, module)


def _scale(module: nn.Module, name: str) -> Tensor | None:
    if isinstance(module, nn.Identity):
        return None
    gamma = getattr(module, "gamma", None)
    if type(module) is not LayerScale or not isinstance(gamma, Tensor):
        raise _unsupported(name, type(module).__name__)
    return gamma.detach()


def _activated(graph: GraphBuilder, x: str, module: nn.Module, name: str) -> str:
    kind = type(module).__name__
    if kind in ("GELU", "GELUTanh"):
        tanh = kind == "GELUTanh" or getattr(module, "approximate", "none") == "tanh"
        return _gelu(graph, x, tanh=tanh)
    if kind in ("QuickGELU", "QuickGELUActivation"):
        inner = graph.node("Mul", x, graph.number(1.702))
        return graph.node("Mul", x, graph.node("Sigmoid", inner))
    if kind == "SiLU":
        return graph.node("Mul", x, graph.node("Sigmoid", x))
    if kind == "ReLU":
        return graph.node("Relu", x)
    raise _unsupported(f"{name}.act", kind)


def _gelu(graph: GraphBuilder, x: str, *, tanh: bool) -> str:
    if graph.opset >= 20:
        return graph.node("Gelu", x, approximate="tanh" if tanh else "none")
    if tanh:
        cube = graph.node("Mul", graph.node("Mul", x, x), x)
        inner = graph.node("Add", x, graph.node("Mul", cube, graph.number(0.044715)))
        curve = graph.node("Tanh", graph.node("Mul", inner, graph.number((2 / torch.pi) ** 0.5)))
    else:
        curve = graph.node("Erf", graph.node("Div", x, graph.number(2**0.5)))
    raised = graph.node("Mul", x, graph.node("Add", curve, graph.number(1.0)))
    return graph.node("Mul", raised, graph.number(0.5))


def _unsupported(name: str, kind: str) -> BackboneError:
    return BackboneError(
        f"{name}: {kind} cannot be written to ONNX. Export with --format torch instead."
    )
