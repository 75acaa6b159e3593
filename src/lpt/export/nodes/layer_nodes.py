"""Norms, activations and MLPs of timm as nodes of an ONNX graph."""

from typing import Any

import torch
from timm.layers import GluMlp, Mlp, SwiGLU
from torch import Tensor, nn

from lpt.errors import BackboneError
from lpt.export.graph_builder import GraphBuilder

__all__ = ["mlp", "norm", "scaled_linear", "unsupported"]


def norm(graph: GraphBuilder, x: str, name: str, module: nn.Module) -> str:
    """Add a LayerNorm, or nothing for an identity. Raises: BackboneError for other norms."""
    if isinstance(module, nn.Identity):
        return x
    if not isinstance(module, nn.LayerNorm):
        raise unsupported(name, type(module).__name__)
    return graph.layer_norm(x, name, module)


def mlp(graph: GraphBuilder, x: str, name: str, module: Any, scale: Tensor | None = None) -> str:
    """Add an MLP, plain or gated.

    Args:
        module: of timm.
        scale: factor of each output, made part of the last product; None for no factor.
    Raises: BackboneError for a kind that has no form in ONNX here.
    """
    if type(module) is Mlp:
        hidden = graph.linear(x, f"{name}.fc1", module.fc1.weight, module.fc1.bias)
        hidden = _activated(graph, hidden, module.act, name)
    elif type(module) is GluMlp and module.chunk_dim == -1:
        both = graph.linear(x, f"{name}.fc1", module.fc1.weight, module.fc1.bias)
        half = module.fc1.weight.shape[0] // 2
        parts = [graph.part(both, 2, 0, half), graph.part(both, 2, half)]
        linear, gate = parts if module.gate_last else parts[::-1]
        hidden = graph.node("Mul", linear, _activated(graph, gate, module.act, name))
    elif type(module) is SwiGLU:
        gate = graph.linear(x, f"{name}.fc1_g", module.fc1_g.weight, module.fc1_g.bias)
        linear = graph.linear(x, f"{name}.fc1_x", module.fc1_x.weight, module.fc1_x.bias)
        hidden = graph.node("Mul", _activated(graph, gate, module.act, name), linear)
    else:
        raise unsupported(name, type(module).__name__)
    hidden = norm(graph, hidden, f"{name}.norm", module.norm)
    return scaled_linear(graph, hidden, f"{name}.fc2", module.fc2, scale)


def scaled_linear(
    graph: GraphBuilder, x: str, name: str, layer: nn.Linear, scale: Tensor | None
) -> str:
    """Add a linear layer and a factor of each output in one product."""
    weight = layer.weight.detach()
    bias = None if layer.bias is None else layer.bias.detach()
    if scale is not None:
        weight = weight * scale[:, None]
        bias = None if bias is None else bias * scale
    return graph.linear(x, name, weight, bias)


def unsupported(name: str, kind: str) -> BackboneError:
    """Return the error for a part that has no form in ONNX here."""
    return BackboneError(
        f"{name}: {kind} cannot be written to ONNX. Export with --format torch instead."
    )


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
    raise unsupported(f"{name}.act", kind)


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
