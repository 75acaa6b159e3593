"""Read an exported graph: a file from outside, of which nothing is believed.

Its metadata are `lpt_export` (version of the format), `spec` (the fields of `TaskSpec`, as in a
task file; in a graph for many tasks, those of the first) and `export` (the fields of
`ExportRecord`).
"""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from lpt.errors import ConfigError, TaskFileError
from lpt.files.json_files import Record, validated_json
from lpt.files.regular_files import read_regular
from lpt.task.exported.onnx_check import check_graph
from lpt.task.exported.onnx_parts import PartsError, check_parts
from lpt.task_file import parse_spec
from lpt.task_spec import TaskSpec

__all__ = [
    "EXPORT_FORMAT",
    "ExportRecord",
    "OnnxFile",
    "checked_onnx",
    "format_version",
    "input_sizes",
    "needed_module",
    "read_onnx",
]

EXPORT_FORMAT = 2
"""The latest format version. Every version up to it is read.

2 adds adapters and `classifier_passes`. A file with neither is written in version 1.
"""

MAX_BYTES = 2**31 - 1
"""Of a file: the most that one protobuf message may have."""

_Error = Annotated[float, Field(ge=0, le=1e6)]
_Share = Annotated[float, Field(ge=0, le=1)]
_Number = Annotated[int, Field(ge=0, le=2**53)]
_Size = Annotated[int, Field(ge=1, le=2**20)]


class ExportRecord(Record):
    """How a graph was written, and how far it was found to differ from lpt.

    Attributes:
        form: "task", or "shared" for a graph that takes the tensors of a task as inputs.
        dtype: of products with weights of the backbone.
        depth, heads, width: L, heads and D of the backbone.
        images: number of images that were compared.
        real_images: whether these were validation images rather than noise.
        logit_error: largest difference of a logit.
        same_matches: share of images with the same matched prompts.
        same_classes: share of images with the same most probable class.
        accuracy, eager_accuracy: on the compared images; None for noise.
    """

    form: Literal["task", "shared"]
    dtype: Literal["float32", "float16", "int8"]
    depth: _Size
    heads: _Size
    width: _Size
    images: _Number = 0
    real_images: bool = False
    logit_error: _Error = 0
    same_matches: _Share = 1
    same_classes: _Share = 1
    accuracy: _Share | None = None
    eager_accuracy: _Share | None = None


_RECORD = TypeAdapter(ExportRecord)


@dataclass(frozen=True)
class OnnxFile:
    """A checked graph.

    Attributes:
        path: the file.
        content: its bytes.
        spec: metadata of the task.
        record: how it was written.
    """

    path: Path
    content: bytes
    spec: TaskSpec
    record: ExportRecord


def needed_module(name: str) -> ModuleType:
    """Import onnx or onnxruntime. Raises: ConfigError with the remedy if it is not installed."""
    try:
        return import_module(name)
    except ImportError as error:
        raise ConfigError(
            f"{name}: not installed, and needed for ONNX files. Run: pip install 'lpt[onnx]'"
        ) from error


def format_version(spec: TaskSpec) -> str:
    """Return the version of the format in which a task is exported: the oldest that can hold it."""
    newer = spec.adapter_width or spec.reads_both
    return str(EXPORT_FORMAT if newer else EXPORT_FORMAT - 1)


def input_sizes(spec: TaskSpec, record: ExportRecord) -> dict[str, tuple[int, ...]]:
    """Return the sizes of every input of a graph, for one image."""
    side = spec.backbone.image_size
    sizes: dict[str, tuple[int, ...]] = {"pixel_values": (1, 3, side, side)}
    if record.form == "task":
        return sizes
    shape, width = spec.shape, record.width
    suffix = max(record.depth - spec.shared_blocks, 0)
    table = (record.depth, record.heads, shape.length, width // record.heads)
    sizes |= {"shared_keys": table, "shared_values": table, "temperature": (1,)}
    folded = {"adapter_scale"}  # it is part of the weights here
    own = spec.tensor_sizes(record.depth, width)
    sizes["classifier"] = own["classifier"]
    if spec.phases == 2:
        sizes["group_prompts"] = (shape.pool_size, suffix, shape.length, width)
        sizes["keys"] = own["keys"]
    return sizes | {n: own[n] for n in own if n.startswith("adapter_") and n not in folded}


def read_onnx(path: Path) -> OnnxFile:
    """Read an exported graph and check it, without running it. Raises: as `checked_onnx`."""
    return checked_onnx(path, read_regular(path, MAX_BYTES, error=TaskFileError))


def checked_onnx(path: Path, content: bytes) -> OnnxFile:
    """Check the bytes of an exported graph completely.

    Args:
        path: the file, for messages.
        content: its bytes.
    Raises: TaskFileError naming the file if it is damaged, not written by lpt, or asks for other
        files, other operators or too much memory; ConfigError if onnx is not installed.
    """
    onnx = needed_module("onnx")
    try:
        check_parts(content)
    except PartsError as error:
        raise TaskFileError(
            f"{path}: not a graph that lpt writes ({error}). Obtain it again."
        ) from error
    try:
        model = onnx.ModelProto.FromString(content)
        metadata = {entry.key: entry.value for entry in model.metadata_props}
    except Exception as error:  # protobuf's errors differ between its versions
        raise TaskFileError(f"{path}: not a readable ONNX file. Obtain it again.") from error
    spec = parse_spec(path, metadata, "lpt_export", EXPORT_FORMAT)

    def damaged(reason: str) -> TaskFileError:
        return TaskFileError(f"{path}: damaged metadata ({reason}).")

    record = validated_json(_RECORD, metadata.get("export", ""), damaged)
    check_graph(model, path, input_sizes(spec, record))
    return OnnxFile(path, content, spec, record)
