"""Load a trained task from a path."""

import os

import torch

from lpt.backbones import FrozenViT
from lpt.task.trained_task import Task

__all__ = ["load"]


def load(
    path: str | os.PathLike[str],
    *,
    backbone: FrozenViT | None = None,
    device: str | torch.device | None = None,
) -> Task:
    """Load a trained task.

    Args:
        path: a run folder, or a task file, as `str` or `Path`.
        backbone: a loaded backbone, which tasks can share; None loads the one it was trained on.
        device: "cpu", "cuda", "cuda:1", "mps" or a `torch.device`; None takes a CUDA GPU if there
            is one.
    Returns: the task, in eval mode.
    Raises: TaskFileError if there is no task file, or it is damaged or made for another backbone;
        BackboneError if its backbone cannot be found; ParameterError for an argument of the wrong
        type or a device that is not available.

    >>> task = lpt.load("runs/digits", device="cpu")
    >>> task.class_names[:3]
    ('0', '1', '2')
    """
    return Task.load(path, backbone, device)
