"""Build an ONNX graph, compare it with its task, and return its bytes."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from onnx import helper

from lpt.errors import LptError, ParameterError
from lpt.export.check_images import CheckImages
from lpt.export.graph_builder import Dtype
from lpt.export.method_graph import method_graph
from lpt.export.parity import TOLERANCE, Parity, compare
from lpt.export.public_spec import public_spec
from lpt.files.regular_files import size_text
from lpt.task import Task
from lpt.task.exported.graph_inputs import TaskInputs
from lpt.task.exported.onnx_file import (
    MAX_BYTES,
    ExportRecord,
    checked_onnx,
    format_version,
    needed_module,
)
from lpt.task.exported.onnx_model import OnnxModel, OnnxSession

__all__ = [
    "DEFAULT_OPSET",
    "OPSETS",
    "CheckedGraph",
    "check_onnx",
    "checked_graph",
    "export_metadata",
]

DEFAULT_OPSET = 17
"""LayerNormalization is an operator since then, and most programs read it."""

OPSETS = range(DEFAULT_OPSET, 24)

Form = Literal["task", "shared"]


@dataclass(frozen=True)
class CheckedGraph:
    """The bytes of a graph, and how far it was found to differ from its task."""

    content: bytes
    parity: Parity


def check_onnx(dtype: str, opset: int | None) -> None:
    """Check arguments and installation. Raises: ParameterError, ConfigError."""
    if dtype not in TOLERANCE:
        raise ParameterError(f"`dtype` {dtype}: choose float32, float16 or int8.")
    if opset is not None and opset not in OPSETS:
        raise ParameterError(f"`opset` {opset}: choose {OPSETS[0]} to {OPSETS[-1]}.")
    needed_module("onnx")
    needed_module("onnxruntime")


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


def export_metadata(
    task: Task, form: Form, dtype: Dtype, parity: Parity | None = None
) -> dict[str, str]:
    """Return the metadata of an export: for lpt, and for programs that do not know lpt.

    `class_names` is a JSON list in the order of the logits. `preprocessing` is a JSON object:
    resize to `resize` pixels by `resize_rule`, crop the centre to `size`, scale to [0, 1], subtract
    `mean` and divide by `std`.

    Args:
        task: the task.
        form: of the graph.
        dtype: of products with weights of the backbone.
        parity: how far it differs from the task; None while that is not known.
    """
    spec, backbone = public_spec(task.spec), task.model.backbone
    record = ExportRecord(
        form=form,
        dtype=dtype,
        depth=backbone.depth,
        heads=backbone.heads,
        width=backbone.width,
        **({} if parity is None else asdict(parity)),
    )
    preprocessing = {
        "resize_rule": spec.resize_rule,
        "resize": spec.resize,
        "size": spec.backbone.image_size,
        "mean": spec.backbone.mean,
        "std": spec.backbone.std,
        "interpolation": spec.backbone.interpolation,
    }
    return {
        "lpt_export": format_version(spec),
        "spec": spec.model_dump_json(),
        "export": record.model_dump_json(),
        "class_names": json.dumps(spec.class_names, ensure_ascii=False),
        "preprocessing": json.dumps(preprocessing),
    }
