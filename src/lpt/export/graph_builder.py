"""Build an ONNX graph node by node, from standard operators only.

Tracing lpt's own forward pass with torch.onnx gives the same numbers, but takes a minute, needs
onnxscript, and separates queries from keys and values, as training needs it. A graph that is
written directly takes a second and runs faster (docs/sharing.md).
"""

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor

from lpt.export.onnx_options import Dtype

__all__ = ["GraphBuilder"]

MOST_INT8 = 127
"""Largest quantised weight."""

Array = npt.NDArray[np.generic]


class GraphBuilder:
    """Nodes and constants of a graph; every method returns the name of its result.

    Args:
        opset: version of the operators, 17 or later.
        dtype: of products with weights of the backbone; everything else is float32.
    """

    def __init__(self, opset: int, dtype: Dtype = "float32") -> None:
        self.opset = opset
        self.dtype = dtype
        self._quantised: dict[str, tuple[str, str, str]] = {}
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []

    def input(self, name: str, *sizes: int | str) -> str:
        """Declare a float32 input; a size that is a text differs between calls."""
        self._inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, list(sizes)))
        return name

    def output(self, value: str, name: str, *sizes: int | str, integer: bool = False) -> None:
        """Declare an output: float32, or int64."""
        kind = TensorProto.INT64 if integer else TensorProto.FLOAT
        self._nodes.append(helper.make_node("Identity", [value], [name], name=name))
        self._outputs.append(helper.make_tensor_value_info(name, kind, list(sizes)))

    def constant(self, name: str, value: Tensor | Array) -> str:
        """Store a constant once; a second value under the same name is ignored."""
        if name not in self._constants:
            held = value.detach().cpu().contiguous().numpy() if isinstance(value, Tensor) else value
            self._constants[name] = numpy_helper.from_array(np.ascontiguousarray(held), name)
        return name

    def numbers(self, *values: int) -> str:
        """Store whole numbers as a constant of one axis."""
        name = "int." + ".".join(map(str, values))
        return self.constant(name, np.asarray(values, dtype=np.int64))

    def number(self, value: float) -> str:
        """Store one float32 number as a constant without axes."""
        return self.constant(f"float.{value!r}", np.asarray(value, dtype=np.float32))

    def node(self, operator: str, *inputs: str, outputs: int = 1, **attributes: object) -> str:
        """Add a node and return its last output."""
        name = f"{operator}.{len(self._nodes)}"
        made = [f"{name}.{i}" for i in range(outputs - 1)] + [f"{name}.out"]
        self._nodes.append(helper.make_node(operator, list(inputs), made, name=name, **attributes))
        return made[-1]

    def linear(self, x: str, name: str, weight: Tensor, bias: Tensor | None) -> str:
        """Add x @ weight.T + bias, for a weight (out, in) that is stored under `name`."""
        right = weight.detach().T
        if self.dtype == "int8":
            product = self._int8_product(x, name, right)
        elif self.dtype == "float16":
            stored = self.constant(f"{name}.weight", right.half())
            product = self.cast(self.node("MatMul", self.cast(x, half=True), stored))
        else:
            product = self.node("MatMul", x, self.constant(f"{name}.weight", right))
        if bias is None:
            return product
        return self.node("Add", product, self.constant(f"{name}.bias", bias))

    def cast(self, x: str, *, half: bool = False) -> str:
        """Add a Cast to float32, or to float16."""
        return self.node("Cast", x, to=TensorProto.FLOAT16 if half else TensorProto.FLOAT)

    def _int8_product(self, x: str, name: str, right: Tensor) -> str:
        """Multiply by int8 weights, with one scale per output; each call finds the scale of x."""
        scale = right.abs().amax(0).clamp(min=1e-12) / MOST_INT8
        stored = self.constant(f"{name}.weight", (right / scale).round().to(torch.int8))
        if x not in self._quantised:
            whole = self.node("DynamicQuantizeLinear", x, outputs=3)
            stem = whole.removesuffix(".out")
            self._quantised[x] = (f"{stem}.0", f"{stem}.1", whole)
        small, step, zero = self._quantised[x]
        product = self.node("MatMulInteger", small, stored, zero)
        factor = self.node("Mul", step, self.constant(f"{name}.scale", scale))
        return self.node("Mul", self.cast(product), factor)

    def layer_norm(self, x: str, name: str, norm: torch.nn.LayerNorm) -> str:
        """Add a LayerNorm over the last axis."""
        weight = torch.ones(norm.normalized_shape) if norm.weight is None else norm.weight
        names = [self.constant(f"{name}.weight", weight)]
        if norm.bias is not None:
            names.append(self.constant(f"{name}.bias", norm.bias))
        return self.node("LayerNormalization", x, *names, axis=-1, epsilon=float(norm.eps))

    def reshape(self, x: str, *sizes: int) -> str:
        """Add a Reshape; 0 keeps an axis, -1 is what remains."""
        return self.node("Reshape", x, self.numbers(*sizes))

    def transpose(self, x: str, *axes: int) -> str:
        """Add a Transpose."""
        return self.node("Transpose", x, perm=list(axes))

    def part(self, x: str, axis: int, begin: int, end: int = 2**31) -> str:
        """Add a Slice of one axis."""
        ends = self.numbers(begin), self.numbers(end), self.numbers(axis)
        return self.node("Slice", x, *ends)

    def unit(self, x: str) -> str:
        """Scale the rows of (B, D) to unit length."""
        square = self.node("ReduceSum", self.node("Mul", x, x), self.numbers(-1), keepdims=1)
        length = self.node("Max", self.node("Sqrt", square), self.number(1e-12))
        return self.node("Div", x, length)

    def model(self, name: str, metadata: dict[str, str]) -> onnx.ModelProto:
        """Return the model.

        Args:
            name: of the graph.
            metadata: text by name, for `metadata_props`.
        """
        graph = helper.make_graph(
            self._nodes, name, self._inputs, self._outputs, list(self._constants.values())
        )
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", self.opset)],
            producer_name="lpt",
            ir_version=_IR_VERSIONS.get(self.opset, 10),
        )
        helper.set_model_props(model, metadata)
        return model


_IR_VERSIONS = {17: 8, 18: 8, 19: 9, 20: 9, 21: 10, 22: 10, 23: 11}
"""The oldest version of the container that may hold these operators."""
