"""Load a trained task from a path, or from a hub."""

import os
from pathlib import Path

import torch

from lpt.backbones import FrozenViT
from lpt.backbones.compact.weight_type import WeightType
from lpt.errors import ParameterError, TaskFileError
from lpt.machine.devices import choose_device
from lpt.task.call_checks import check_load
from lpt.task.path_kinds import HUB_PREFIX, is_exported
from lpt.task.trained_task import Task
from lpt.task_file import load_task

__all__ = ["load"]


def load(
    path: str | os.PathLike[str],
    *,
    backbone: FrozenViT | str | os.PathLike[str] | None = None,
    device: str | torch.device | None = None,
    backbone_weights: WeightType = "float32",
) -> Task:
    """Load a trained task.

    Args:
        path: a run folder, a task file, a file of `lpt export` (an .onnx file, or the .safetensors
            file of a task that shares a graph), as `str` or `Path`; or hf:USER/NAME[@REVISION] for
            a task of the hub, fetched into the cache of huggingface_hub.
        backbone: a loaded backbone, which tasks can share, or the name of one to load. None loads
            the one it was trained on, if that is on this machine and the file does not choose its
            path (`lpt.backbones.named_by_file`). An export holds its backbone.
        device: "cpu", "cuda", "cuda:1", "mps" or a `torch.device`; None takes a CUDA GPU if there
            is one; exports run on the CPU unless a GPU is named.
        backbone_weights: number type in which the backbone keeps its weights, whatever it was
            trained with: "float32", "bf16" (half the memory) or "int8" (a quarter; docs/scale.md).
    Returns: the task, in eval mode.
    Raises: TaskFileError if there is no task file, or it is damaged or made for another backbone;
        BackboneError if its backbone cannot be found, or you have to name it; ParameterError for
        an argument of the wrong type or a device that is not available.

    >>> task = lpt.load("runs/digits", device="cpu")
    >>> task.class_names[:3]
    ('0', '1', '2')
    """
    if isinstance(backbone, os.PathLike):
        backbone = os.fspath(backbone)
    check_load(path, backbone, backbone_weights)
    text = os.fspath(path)
    if text.startswith(HUB_PREFIX):
        from lpt.task.hub.hub_files import fetch_task

        file = fetch_task(text)
        model, spec = load_task(file, backbone, in_run=False, weights=backbone_weights)
        return Task(model.to(choose_device(device)), spec, path=Path(text))
    if text.lower().endswith(".pt2"):
        raise TaskFileError(
            f"{text}: a program of torch.export, which can run code when it is read. "
            "Load it with torch.export.load if you trust it, or give the .onnx file or the run."
        )
    from lpt.task.exported.exported_task import ExportedTask

    if not is_exported(text):
        return Task.load(path, backbone, device, backbone_weights)
    if backbone is not None or backbone_weights != "float32":
        name = "backbone_weights" if backbone is None else "backbone"
        raise ParameterError(f"`{name}`: {text} holds its backbone. Leave it out.")
    return ExportedTask.open(text, device)
