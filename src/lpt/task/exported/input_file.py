"""The file of a task that shares the graph of its backbone: `NAME.safetensors` beside the graph.

Its tensors are those of `TaskInputs`, its metadata `lpt_inputs` (version of the format) and `spec`,
as in a task file. The name of the graph follows from the metadata, so a file cannot choose what is
opened.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from lpt.errors import TaskFileError
from lpt.files.atomic_files import write_bytes
from lpt.files.tensor_files import TensorFile, tensor_bytes
from lpt.task.exported.graph_inputs import TaskInputs
from lpt.task.exported.onnx_file import (
    EXPORT_FORMAT,
    ExportRecord,
    OnnxFile,
    format_version,
    input_sizes,
)
from lpt.task_file import LARGEST_VALUE, parse_spec
from lpt.task_spec import LIMITS, TaskSpec

__all__ = ["InputFile", "graph_path", "read_inputs", "write_inputs"]


@dataclass(frozen=True)
class InputFile:
    """A task that shares a graph.

    Attributes:
        path: the file.
        spec: metadata of the task.
        tensors: inputs of the graph by name.
    """

    path: Path
    spec: TaskSpec
    tensors: dict[str, Tensor]

    def check_graph(self, file: OnnxFile) -> None:
        """Check that a graph is the one this task was made for. Raises: TaskFileError."""
        own, other = self.spec, file.spec
        same = (
            file.record.form == "shared"
            and own.backbone.sha256 == other.backbone.sha256
            and own.backbone.image_size == other.backbone.image_size
            and own.backbone.layer_norm_eps == other.backbone.layer_norm_eps
            and own.backbone.feature == other.backbone.feature
            and (own.phases, own.shared_blocks, own.top_k)
            == (other.phases, other.shared_blocks, other.top_k)
            and bool(own.adapter_width) == bool(other.adapter_width)
            and own.reads_both == other.reads_both
        )
        if not same:
            raise TaskFileError(
                f"{self.path}: made for another graph than {file.path}. Export it again."
            )
        for name, size in input_sizes(own, file.record).items():
            held = self.tensors.get(name)
            if name != "pixel_values" and (held is None or tuple(held.shape) != size):
                raise TaskFileError(
                    f"{self.path}: damaged: {name} has another size than its graph."
                )


def graph_path(folder: Path, spec: TaskSpec) -> Path:
    """Return the path of the graph of a backbone: one for each image size and shape of tasks."""
    backbone = spec.backbone
    parts = [f"vit-{backbone.sha256[:12]}-{backbone.image_size}px"]
    parts += [backbone.feature] if backbone.feature != "own" else []
    parts += [f"k{spec.shared_blocks}-t{spec.top_k}"] if spec.phases == 2 else ["phase1"]
    parts += ["both"] if spec.reads_both else []
    parts += ["adapters"] if spec.adapter_width else []
    return folder / f"{'-'.join(parts)}.onnx"


def write_inputs(path: Path, inputs: TaskInputs, spec: TaskSpec) -> None:
    """Write the file of a task atomically."""
    metadata = {"lpt_inputs": format_version(spec), "spec": spec.model_dump_json()}
    tensors = {name: value.contiguous() for name, value in inputs.tensors().items()}
    write_bytes(path, tensor_bytes(tensors, metadata))


def read_inputs(path: Path) -> InputFile:
    """Read the file of a task. Sizes are compared before anything is allocated.

    Raises: TaskFileError naming the file and what is wrong with it.
    """
    with TensorFile(path, LIMITS, TaskFileError) as file:
        spec = parse_spec(path, file.metadata, "lpt_inputs", EXPORT_FORMAT)
        _check_kinds(file, spec)
        tensors = {name: file.read(name) for name in file.kinds}
    for name, value in tensors.items():
        if not torch.isfinite(value).all() or value.abs().max() > LARGEST_VALUE:
            raise TaskFileError(
                f"{path}: damaged: {name} holds values that are not finite, or too large."
            )
    return InputFile(path, spec, tensors)


def _check_kinds(file: TensorFile, spec: TaskSpec) -> None:
    """Check names and sizes against the metadata; the graph fixes depth, heads and width."""
    match file.kinds.get("shared_keys"):
        case ("F32", int() as depth, int() as heads, int(), int() as head) if min(depth, heads) > 0:
            width = heads * head
        case _:
            raise TaskFileError(
                f"{file.path}: damaged: tensor shared_keys is missing or misshapen."
            )
    largest = 2**20
    if max(depth, heads, width) > largest or math.prod((depth, width)) == 0:
        raise TaskFileError(f"{file.path}: damaged: tensor shared_keys is misshapen.")
    record = ExportRecord(form="shared", dtype="float32", depth=depth, heads=heads, width=width)
    wanted = {
        name: ("F32", *size)
        for name, size in input_sizes(spec, record).items()
        if name != "pixel_values"
    }
    if file.kinds != wanted:
        other = sorted(
            n for n in wanted.keys() | file.kinds.keys() if wanted.get(n) != file.kinds.get(n)
        )
        raise TaskFileError(
            f"{file.path}: damaged: tensor {other[0]} is not as its metadata require."
        )
