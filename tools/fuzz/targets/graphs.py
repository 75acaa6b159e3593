"""Exported graphs, and the files of tasks that share one."""

import json
import random
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from tools.fuzz.mutations import TEXTS, damaged, damaged_json, damaged_text
from tools.fuzz.samples import backbone_file, picture, run_folder
from tools.fuzz.thrift import varint

import lpt
from lpt.export import export_task
from lpt.task.exported.onnx_file import checked_onnx

__all__ = ["Graphs"]

OPERATORS = (
    "Loop",
    "If",
    "Constant",
    "Tile",
    "Expand",
    "Range",
    "Resize",
    "Add",
    "ConstantOfShape",
)
SIZES = (0, -1, 1, 7, 2**20, 2**31, 2**40, 2**62)


@cache
def _content() -> bytes:
    file = run_folder().parent / "task.onnx"
    export_task(run_folder(), file, backbone=str(backbone_file()))
    return file.read_bytes()


class Graphs:
    """A graph with other nodes, sizes, constants and metadata, and damage to its bytes."""

    name = "graphs"

    def make(self, rng: random.Random, folder: Path) -> None:
        """Write task.onnx."""
        import onnx

        path, content = folder / "task.onnx", _content()
        action = rng.randrange(6)
        if action == 0:
            path.write_bytes(damaged(rng, content))
            return
        if action == 1:
            empty = rng.choice([b"\x0a\x00", b"\x2a\x00", b"\x62\x00", b"\x6a\x00"])
            many = empty * rng.choice([100, 10_000, 300_000])
            path.write_bytes(content + b"\x3a" + varint(len(many)) + many)
            return
        model = onnx.ModelProto.FromString(content)
        for _ in range(rng.choice([1, 1, 2, 4])):
            _change(rng, model)
        path.write_bytes(model.SerializeToString())

    def load(self, folder: Path) -> None:
        """Check the graph and, if it is accepted, run it on a picture."""
        path = folder / "task.onnx"
        checked_onnx(path, path.read_bytes())
        (folder / "x.png").write_bytes(picture(0))
        (prediction,) = lpt.load(path).predict([folder / "x.png"])
        assert np.isfinite(prediction.probabilities).all(), "a probability is not finite"


def _change(rng: random.Random, model: Any) -> None:
    graph = model.graph
    node, constant = rng.choice(graph.node), rng.choice(graph.initializer)
    action = rng.randrange(10)
    if action == 0:
        entry = rng.choice(model.metadata_props)
        entry.value = damaged_text(rng, damaged_json(rng, {"a": 1}))
    elif action == 1:
        entry = rng.choice(model.metadata_props)
        with suppress(ValueError):  # an earlier change may have left no JSON
            entry.value = damaged_text(rng, json.loads(entry.value))
    elif action == 2:
        node.op_type = rng.choice([*OPERATORS, *(other.op_type for other in graph.node)])
    elif action == 3 and node.input:
        node.input[rng.randrange(len(node.input))] = rng.choice(
            [rng.choice(graph.node).output[0], rng.choice(graph.initializer).name, "", "none"]
        )
    elif action == 4 and constant.dims:
        constant.dims[rng.randrange(len(constant.dims))] = rng.choice(SIZES)
    elif action == 5:
        constant.raw_data = damaged(rng, constant.raw_data)
    elif action == 6:
        constant.data_type = rng.randrange(20)
    elif action == 7 and node.attribute:
        attribute = rng.choice(node.attribute)
        attribute.i = rng.choice(SIZES)
        attribute.ints.extend([rng.choice(SIZES)] * rng.choice([0, 1, 8]))
    elif action == 8:
        constant.name = rng.choice([*TEXTS[:30], graph.node[0].output[0]])
    else:
        copy = graph.node.add()
        copy.CopyFrom(node)
