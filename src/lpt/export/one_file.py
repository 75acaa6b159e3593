"""Export a trained task to one file that other programs run."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lpt.arguments import path_text
from lpt.errors import ParameterError
from lpt.export.check_images import check_images
from lpt.export.onnx_options import Dtype, check_onnx
from lpt.export.parity import Parity
from lpt.export.source_task import export_place, source_task
from lpt.files.atomic_files import write_atomic, write_bytes
from lpt.progress import Reporter, SilentReporter

__all__ = ["Exported", "Format", "export_task"]

Format = Literal["onnx", "torch"]
SUFFIXES = {"onnx": ".onnx", "torch": ".pt2"}


@dataclass(frozen=True)
class Exported:
    """A written export.

    Attributes:
        path: the file.
        size: its size in bytes.
        parity: how far it differs from the task; it was checked before the file was written.
    """

    path: Path
    size: int
    parity: Parity


def export_task(
    run: str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
    *,
    format: Format = "onnx",
    dtype: Dtype = "float32",
    opset: int | None = None,
    backbone: str | None = None,
    reporter: Reporter | None = None,
) -> Exported:
    """Write a trained task as one graph: backbone, both passes, matching, classifier, temperature.

    The graph takes `pixel_values` (B, 3, H, H), normalised float32 images, for any B, and gives
    `logits` (B, C), which are cosines, `probabilities` (B, C) and, for a task of both phases,
    `matched` (B, T), the ids of the group prompts. It is compared with the task before the file
    gets its name.

    Args:
        run: run folder or task file.
        out: the file; None for RUN/export/NAME.onnx (or .pt2), beside a task file without a run,
            in the current folder for a task from the hub.
        format: "onnx" for ONNX Runtime and others, "torch" for a program of torch.export.
        dtype: of products with weights of the backbone: "float32"; "float16" for GPUs; "int8" with
            a scale per output and per call (dynamic quantisation).
        opset: version of the ONNX operators, 17 to 23; None for 17, which most programs read.
        backbone: name of the backbone, as for `lpt.load`.
        reporter: receives progress.
    Returns: the file, and how far it differs from the task.
    Raises: ParameterError for an argument out of range; ConfigError if onnx or onnxruntime is not
        installed; BackboneError for a backbone with parts that ONNX has no form for here; LptError
        if the graph differs from the task.
    """
    told = reporter or SilentReporter()
    path = Path(path_text("run", run))
    if format not in SUFFIXES:
        raise ParameterError(f"`format` {format}: choose onnx or torch.")
    if format == "torch" and (dtype != "float32" or opset is not None):
        raise ParameterError("`format` torch: takes neither `dtype` nor `opset`. Leave them out.")
    if format == "onnx":
        check_onnx(dtype, opset)
    target = Path(path_text("out", out)) if out is not None else _default(path, format, dtype)
    if target.suffix.lower() != SUFFIXES[format]:
        raise ParameterError(f"`out` {target}: give a name that ends in {SUFFIXES[format]}.")
    task = source_task(path, backbone)
    told.message(f"compare   the {format} graph with the task")
    check = check_images(path, task, dtype)
    if format == "torch":
        from lpt.export.torch_program import checked_program

        parity, write = checked_program(task, check)
        write_atomic(target, write)
    else:
        from lpt.export.write_graph import checked_graph

        graph = checked_graph(task, check, target, dtype=dtype, opset=opset)
        parity = graph.parity
        write_bytes(target, graph.content)
    return Exported(target, target.stat().st_size, parity)


def _default(run: Path, format: Format, dtype: Dtype) -> Path:
    mark = "" if dtype == "float32" else f"-{dtype}"
    folder, name = export_place(run)
    return folder / f"{name}{mark}{SUFFIXES[format]}"
