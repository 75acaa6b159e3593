"""Load a trained task from a path."""

import os

import torch

from lpt.backbones import FrozenViT
from lpt.task.trained_task import Task

__all__ = ["load"]


def load(
    path: str | os.PathLike[str],
    *,
    backbone: FrozenViT | str | os.PathLike[str] | None = None,
    device: str | torch.device | None = None,
) -> Task:
    """Load a trained task.

    Args:
        path: a run folder, or a task file, as `str` or `Path`.
        backbone: a loaded backbone, which tasks can share, or the name of one to load. None loads
            the one it was trained on, if that is on this machine and the file does not choose its
            path (`lpt.backbones.named_by_file`).
        device: "cpu", "cuda", "cuda:1", "mps" or a `torch.device`; None takes a CUDA GPU if there
            is one.
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
    return Task.load(path, backbone, device)
