"""Export tasks that share a backbone: its graph once, and a small file per task."""

import os
from pathlib import Path

from lpt.arguments import path_text
from lpt.errors import ConfigError
from lpt.export.check_images import check_images
from lpt.export.export_metadata import exported_spec
from lpt.export.one_file import Exported
from lpt.export.onnx_options import Dtype, check_onnx
from lpt.export.parity import compare
from lpt.export.source_task import export_place, source_task
from lpt.files.atomic_files import write_bytes
from lpt.progress import Reporter, SilentReporter
from lpt.task.exported.graph_inputs import TaskInputs
from lpt.task.exported.input_file import graph_path, write_inputs
from lpt.task.exported.onnx_file import read_onnx
from lpt.task.exported.onnx_model import OnnxModel, OnnxSession

__all__ = ["export_shared"]


def export_shared(
    run: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    *,
    dtype: Dtype = "float32",
    opset: int | None = None,
    backbone: str | None = None,
    reporter: Reporter | None = None,
) -> Exported:
    """Write a task as NAME.safetensors beside the graph of its backbone.

    The graph is written with the first task and used by all that have the same backbone, image
    size, K, T and phases, and adapters (of any width) or none. Its inputs are `pixel_values` and
    the tensors of a task's file: keys and values of the shared prompts of every block, group
    prompts and their keys, class directions, temperature, and weights of the adapters.

    Args:
        run: run folder or task file.
        folder: folder of graphs and tasks; created if missing.
        dtype, opset, backbone, reporter: as for `export_task`.
    Returns: the file of the task, and how far graph and task together differ from the run.
    Raises: as `export_task`; ConfigError if the folder holds another data type or another task of
        this name.
    """
    told = reporter or SilentReporter()
    path, where = Path(path_text("run", run)), Path(path_text("folder", folder))
    check_onnx(dtype, opset)
    task = source_task(path, backbone)
    inputs = TaskInputs.of(task.model, task.spec.temperature)
    shape = inputs.shared_keys.shape
    if shape[1] * shape[3] != task.model.backbone.width:
        raise ConfigError(f"{path}: the heads of its backbone are too wide for a shared graph.")
    target = where / f"{export_place(path)[1]}.safetensors"
    if target.exists():
        raise ConfigError(f"{target}: exists already. Remove it first, or rename the run.")
    check = check_images(path, task, dtype)
    graph = graph_path(where, task.spec)
    if not graph.exists():
        told.message("compare   the onnx graph with the task")
        from lpt.export.write_graph import checked_graph

        made = checked_graph(task, check, graph, dtype=dtype, opset=opset, form="shared")
        write_bytes(graph, made.content)
        parity = made.parity
    else:
        file = read_onnx(graph)
        if file.record.dtype != dtype:
            raise ConfigError(
                f"{graph}: holds products of {file.record.dtype}, not {dtype}. "
                "Choose another folder, or this data type."
            )
        session = OnnxSession(file, next(task.model.parameters()).device)
        classes, top = len(task.class_names), task.spec.top_k
        bound = OnnxModel(session, inputs.tensors(), classes, top)
        parity = compare(task.model.predict, bound.predict, check)
        parity.check(dtype)
    write_inputs(target, inputs, exported_spec(task.spec))
    return Exported(target, target.stat().st_size, parity)
