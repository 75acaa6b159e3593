"""Weights and nodes of an ONNX file, read off its protobuf bytes; nothing of the file is run.

Of the format (https://protobuf.dev/programming-guides/encoding, onnx.proto3) only what such a file
needs: nodes with their inputs and outputs, and initialisers with raw float32 data.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from lpt.errors import BackboneError

__all__ = ["Graph", "Node", "read_graph"]

_GRAPH = 7  # of ModelProto
_NODE, _INITIALIZER = 1, 5  # of GraphProto
_INPUT, _OUTPUT, _OP_TYPE = 1, 2, 4  # of NodeProto
_DIMS, _DATA_TYPE, _NAME, _RAW_DATA = 1, 2, 8, 9  # of TensorProto
_FLOAT = 1

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


@dataclass(frozen=True)
class Node:
    """An operation and the names of its inputs and outputs."""

    operation: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass
class Graph:
    """The nodes in order, and the float32 initialisers by name."""

    nodes: list[Node] = field(default_factory=list)
    tensors: dict[str, np.ndarray] = field(default_factory=dict)


def read_graph(data: bytes) -> Graph:
    """Read the graph of an ONNX model.

    Raises: BackboneError if the bytes are not one.
    """
    graph = Graph()
    for number, value in _fields(memoryview(data)):
        if number != _GRAPH or isinstance(value, int):
            continue
        for inner, part in _fields(value):
            if inner == _NODE and not isinstance(part, int):
                graph.nodes.append(_node(part))
            elif inner == _INITIALIZER and not isinstance(part, int):
                _add_tensor(graph, part)
    if not graph.nodes:
        raise BackboneError("the ONNX file has no nodes. Give an ONNX model.")
    return graph


def _node(data: memoryview) -> Node:
    texts: dict[int, list[str]] = {_INPUT: [], _OUTPUT: [], _OP_TYPE: []}
    for number, value in _fields(data):
        if number in texts and not isinstance(value, int):
            texts[number].append(_text(value))
    return Node("".join(texts[_OP_TYPE]), tuple(texts[_INPUT]), tuple(texts[_OUTPUT]))


def _add_tensor(graph: Graph, data: memoryview) -> None:
    shape: list[int] = []
    name, kind, raw = "", 0, memoryview(b"")
    for number, value in _fields(data):
        if number == _DIMS:
            shape += [value] if isinstance(value, int) else _varints(value)
        elif number == _DATA_TYPE and isinstance(value, int):
            kind = value
        elif number == _NAME and not isinstance(value, int):
            name = _text(value)
        elif number == _RAW_DATA and not isinstance(value, int):
            raw = value
    if kind != _FLOAT:
        return  # shapes and indices, which are integers
    count = int(np.prod(shape, dtype=object)) if shape else 1
    if len(raw) != 4 * count:
        raise BackboneError(f"{name}: {len(raw)} bytes for {count} numbers; the file is damaged.")
    graph.tensors[name] = np.frombuffer(raw, dtype="<f4").reshape(shape)


def _fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """The numbered fields of a message; bytes are not copied."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, at = _varint(data, at)
            yield number, value
            continue
        if kind == _BYTES:
            length, at = _varint(data, at)
        elif kind in (_FIXED32, _FIXED64):
            length = 4 if kind == _FIXED32 else 8
        else:
            raise _damaged(at)
        if at + length > len(data):
            raise _damaged(at)
        yield number, data[at : at + length]
        at += length


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            break
        byte = data[at]
        value, at = value | (byte & 127) << shift, at + 1
        if byte < 128:
            return value, at
    raise _damaged(at)


def _varints(data: memoryview) -> list[int]:
    values, at = [], 0
    while at < len(data):
        value, at = _varint(data, at)
        values.append(value)
    return values


def _text(data: memoryview) -> str:
    return bytes(data).decode("utf-8", "replace")


def _damaged(at: int) -> BackboneError:
    return BackboneError(f"not an ONNX file, or damaged near byte {at}. Give an ONNX model.")
