"""Check an ONNX graph from outside before it is run: what it may hold, and how large it can get.

Only the operators that `lpt.export` writes are accepted. None of them loops, holds another graph
or opens a file. The sizes of all values are inferred for one image, so that no node can ask for
more memory than the largest published ViT.
"""

import math
from collections.abc import Iterator
from typing import Any

from lpt.errors import TaskFileError

__all__ = ["LARGEST_VALUE", "check_graph"]

# fmt: off
OPERATORS = frozenset({
    "Add", "Cast", "Concat", "Conv", "Div", "DynamicQuantizeLinear", "Erf", "Expand", "Gather",
    "Gelu", "Identity", "LayerNormalization", "MatMul", "MatMulInteger", "Max", "Mul", "ReduceSum",
    "Relu", "Reshape", "Shape", "Sigmoid", "Slice", "Softmax", "Sqrt", "Squeeze", "Tanh", "TopK",
    "Transpose", "Unsqueeze",
})
# fmt: on
NODES, CONSTANTS = 20_000, 20_000
OPSETS = range(17, 27)
LARGEST_VALUE = 2**28
"""Numbers of the largest value of a node for one image: attention to 4,096 patches in 16 heads."""

_SMALL = 64
"""Whole-number constants of at most this many entries are read to infer sizes."""

_PLAIN = ("FLOAT", "INT", "STRING", "FLOATS", "INTS", "STRINGS")


def check_graph(model: Any, path: object, sizes: dict[str, tuple[int, ...]]) -> None:
    """Check a model before it is run.

    Args:
        model: an `onnx.ModelProto`.
        path: the file, for messages.
        sizes: sizes of each input for one image.
    Raises: TaskFileError naming the file and what is not accepted.
    """

    def refuse(reason: str) -> TaskFileError:
        return TaskFileError(f"{path}: not a graph that lpt writes ({reason}). Obtain it again.")

    graph = model.graph
    if model.functions or model.training_info or graph.sparse_initializer:
        raise refuse("it holds functions, training or sparse constants")
    if [o.domain for o in model.opset_import] != [""] or model.opset_import[
        0
    ].version not in OPSETS:
        raise refuse("its operators are not the standard ones of opset 17 to 26")
    if len(graph.node) > NODES or len(graph.initializer) > CONSTANTS:
        raise refuse(f"more than {NODES:,} nodes or constants")
    if any(isinstance(text, bytes) for text in _texts(graph)):  # as protobuf gives such text
        raise refuse("a name is not UTF-8")
    for constant in graph.initializer:
        if constant.data_location != 0 or constant.external_data:
            raise refuse(f"constant {constant.name} lies in another file")
        numbers = math.prod(constant.dims)
        if any(size < 0 for size in constant.dims) or numbers > constant.ByteSize():
            raise refuse(f"constant {constant.name} states {numbers:,} numbers, more than it has")
    for node in graph.node:
        if "" in node.input:  # ONNX Runtime ends the process for some operators
            raise refuse(f"operator {node.op_type} lacks an input")
        if node.domain or node.op_type not in OPERATORS:
            raise refuse(f"operator {node.domain} {node.op_type}".replace("  ", " "))
        for attribute in node.attribute:
            if attribute.AttributeType.Name(attribute.type) not in _PLAIN:
                raise refuse(f"attribute {attribute.name} of {node.op_type}")
    found = {value.name: _rank(value) for value in graph.input}
    if found != {name: len(size) for name, size in sizes.items()}:
        raise refuse(f"its inputs are {', '.join(sorted(found)) or 'none'}")
    for name, size in _inferred(model, sizes, refuse).items():
        if math.prod(size) > LARGEST_VALUE:
            raise refuse(f"{name} has {math.prod(size):,} numbers")


def _texts(graph: Any) -> Iterator[object]:
    for node in graph.node:
        yield from (node.name, node.op_type, node.domain, *node.input, *node.output)
        yield from (attribute.name for attribute in node.attribute)
    for named in (*graph.initializer, *graph.input, *graph.output):
        yield named.name


def _rank(value: Any) -> int:
    return len(value.type.tensor_type.shape.dim)


def _inferred(model: Any, sizes: dict[str, tuple[int, ...]], refuse: Any) -> dict[str, Any]:
    """Infer the sizes of the value of every node from a copy without large constants."""
    import onnx
    from onnx import TensorProto, helper, shape_inference

    graph = model.graph
    small, inputs = [], []
    for constant in graph.initializer:
        whole = constant.data_type == TensorProto.INT64
        if whole and len(constant.dims) <= 1 and math.prod(constant.dims) <= _SMALL:
            small.append(constant)
        else:
            kind, dims = constant.data_type, list(constant.dims)
            inputs.append(helper.make_tensor_value_info(constant.name, kind, dims))
    for name, size in sizes.items():
        inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, list(size)))
    outputs = [onnx.ValueInfoProto(name=value.name, type=value.type) for value in graph.output]
    for value in outputs:  # the batch of this check is 1
        value.type.tensor_type.ClearField("shape")
    light = helper.make_graph(list(graph.node), "check", inputs, outputs, small)
    copy = helper.make_model(light, opset_imports=list(model.opset_import))
    try:
        done = shape_inference.infer_shapes(copy, check_type=True, strict_mode=True, data_prop=True)
    except Exception as error:  # of whatever kind: the library has no common class
        raise refuse(" ".join(str(error).split())[:160]) from error
    found: dict[str, tuple[int, ...]] = {}
    for value in (*done.graph.value_info, *done.graph.output):
        tensor = value.type.tensor_type
        known = tensor.HasField("shape") and all(d.HasField("dim_value") for d in tensor.shape.dim)
        if known:
            found[value.name] = tuple(d.dim_value for d in tensor.shape.dim)
    unknown = [name for node in graph.node for name in node.output if name not in found]
    if unknown:
        raise refuse(f"the size of {unknown[0]} is not known before it is run")
    return found
