"""A graph from outside runs nothing that lpt does not write, and stays within bounds."""

import json
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from lpt.errors import TaskFileError
from lpt.export.write_graph import checked_graph
from lpt.task import Task
from lpt.task.exported.onnx_file import EXPORT_FORMAT, read_onnx

from ...export.test_one_file import noise
from ...test_task_file import model_for, spec_for
from ...tiny import backbone_of, write_backbone

Change = Callable[[onnx.ModelProto], None]


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("graph")
    backbone = backbone_of(write_backbone(folder / "vit.safetensors"))
    spec = spec_for(backbone)
    task = Task(model_for(backbone, spec), spec)
    return checked_graph(task, noise(task, 3), folder / "t.onnx", dtype="float32").content


def outside_file(model: onnx.ModelProto) -> None:
    constant = model.graph.initializer[0]
    constant.ClearField("raw_data")
    constant.data_location = TensorProto.EXTERNAL
    entry = constant.external_data.add()
    entry.key, entry.value = "location", "/etc/passwd"


def custom_operator(model: onnx.ModelProto) -> None:
    model.graph.node[0].domain = "ai.onnx.contrib"


def loop(model: onnx.ModelProto) -> None:
    body = helper.make_graph([], "body", [], [])
    model.graph.node.append(helper.make_node("Loop", ["matched", "matched"], ["x"], body=body))


def inner_graph(model: onnx.ModelProto) -> None:
    inner = helper.make_attribute("body", helper.make_graph([], "body", [], []))
    model.graph.node[0].attribute.append(inner)


def function(model: onnx.ModelProto) -> None:
    ids = [helper.make_opsetid("", 17)]
    model.functions.append(helper.make_function("lpt", "f", [], [], [], ids))


def giant_value(model: onnx.ModelProto) -> None:
    sizes = onnx.numpy_helper.from_array(__import__("numpy").array([2**20, 2**20]), "giant")
    model.graph.initializer.append(sizes)
    model.graph.node.append(helper.make_node("Expand", ["temperature", "giant"], ["big"]))


def giant_constant(model: onnx.ModelProto) -> None:
    constant = next(c for c in model.graph.initializer if c.data_type == TensorProto.FLOAT)
    constant.dims[:] = [2**40]


def negative_constant(model: onnx.ModelProto) -> None:
    next(c for c in model.graph.initializer if len(c.dims) == 1).dims[0] = -1


def missing_input(model: onnx.ModelProto) -> None:
    next(n for n in model.graph.node if n.op_type == "LayerNormalization").input[2] = ""


def unknown_size(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Cast", ["matched"], ["asked"], to=TensorProto.INT64))
    model.graph.node.append(helper.make_node("Reshape", ["asked", "asked"], ["any"]))


def other_input(model: onnx.ModelProto) -> None:
    model.graph.input.append(helper.make_tensor_value_info("extra", TensorProto.FLOAT, [1]))


def other_opset(model: onnx.ModelProto) -> None:
    model.opset_import[0].version = 9


CHANGES = {
    outside_file: "lies in another file",
    custom_operator: r"operator ai\.onnx\.contrib",
    loop: "operator Loop",
    inner_graph: "attribute body",
    function: "holds functions",
    giant_value: "has 1,099,511,627,776 numbers",
    giant_constant: "states 1,099,511,627,776 numbers, more than it has",
    negative_constant: "more than it has",
    missing_input: "operator LayerNormalization lacks an input",
    unknown_size: "not a graph that lpt writes",
    other_input: "its inputs are extra, pixel_values",
    other_opset: "opset 17 to 26",
}


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_what_lpt_does_not_write_is_refused_in_one_line(content, tmp_path, change: Change):
    model = onnx.ModelProto.FromString(content)
    change(model)
    path = tmp_path / "t.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(TaskFileError, match=CHANGES[change]) as refused:
        read_onnx(path)
    assert len(str(refused.value).splitlines()) == 1


def test_the_written_graph_is_accepted(content, tmp_path):
    path = tmp_path / "t.onnx"
    path.write_bytes(content)
    assert read_onnx(path).record.form == "task"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("lpt_export", str(EXPORT_FORMAT + 1)),
        ("lpt_export", "x"),
        ("spec", "{}"),
        ("export", "[]"),
        ("export", json.dumps({"form": "task", "dtype": "float64"})),
        ("export", "[" * 100_000),
    ],
)
def test_metadata_outside_its_schema_is_refused(content, tmp_path, key, value):
    model = onnx.ModelProto.FromString(content)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    helper.set_model_props(model, {**metadata, key: value})
    path = tmp_path / "t.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(TaskFileError) as refused:
        read_onnx(path)
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize("share", [0, 0.3, 0.9, 0.999])
def test_a_file_that_is_cut_off_is_refused(content, tmp_path: Path, share):
    path = tmp_path / "t.onnx"
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(TaskFileError):
        read_onnx(path)


@pytest.mark.parametrize("name", [b"classifier", b"LayerNormalization", b"logits", b"epsilon"])
def test_names_that_are_not_text_are_refused(content, tmp_path: Path, name: bytes):
    assert name in content
    path = tmp_path / "task.onnx"
    path.write_bytes(content.replace(name, name[:-1] + b"\xff"))
    with pytest.raises(TaskFileError, match=r"task\.onnx: not a graph that lpt writes \(a name"):
        read_onnx(path)
