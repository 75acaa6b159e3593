"""Build an ONNX graph, compare it with its task, and return its bytes."""

from dataclasses import dataclass
from pathlib import Path

from onnx import helper

from lpt.errors import LptError
from lpt.export.check_images import CheckImages
from lpt.export.export_metadata import export_metadata
from lpt.export.method_graph import method_graph
from lpt.export.onnx_options import DEFAULT_OPSET, Dtype, Form
from lpt.export.parity import Parity, compare
from lpt.files.regular_files import size_text
from lpt.task import Task
from lpt.task.exported.graph_inputs import TaskInputs
from lpt.task.exported.onnx_file import MAX_BYTES, checked_onnx
from lpt.task.exported.onnx_model import OnnxModel, OnnxSession

__all__ = ["CheckedGraph", "checked_graph"]


@dataclass(frozen=True)
class CheckedGraph:
    """The bytes of a graph, and how far it was found to differ from its task."""

    content: bytes
    parity: Parity


def checked_graph(
    task: Task,
    check: CheckImages,
    path: Path,
    *,
    dtype: Dtype,
    opset: int | None = None,
    form: Form = "task",
) -> CheckedGraph:
    """Build a graph, read it back as a file from outside, and compare it with its task.

    Args:
        task: the task.
        check: images to compare on.
        path: where it will be written, for messages.
        dtype: of products with weights of the backbone.
        opset: version of the operators; None for `DEFAULT_OPSET`.
        form: "task" with the tensors of the task inside, "shared" with these as inputs.
    Raises: LptError if it differs from the task or is too large for one file.
    """
    inputs = TaskInputs.of(task.model, task.spec.temperature)
    model = method_graph(
        task.model,
        inputs if form == "task" else None,
        opset=opset or DEFAULT_OPSET,
        dtype=dtype,
        metadata=export_metadata(task, form, dtype),
    )
    if model.ByteSize() > MAX_BYTES:
        raise LptError(
            f"{path}: would have {size_text(model.ByteSize())}; an ONNX file has at most 2 GB. "
            "Choose --dtype float16 or int8, or --format torch."
        )
    file = checked_onnx(path, model.SerializeToString(deterministic=True))
    session = OnnxSession(file, next(task.model.parameters()).device)
    bound = inputs.tensors() if form == "shared" else {}
    onnx_model = OnnxModel(session, bound, len(task.class_names), task.spec.top_k)
    parity = compare(task.model.predict, onnx_model.predict, check)
    parity.check(dtype)
    helper.set_model_props(model, export_metadata(task, form, dtype, parity))
    return CheckedGraph(model.SerializeToString(deterministic=True), parity)
