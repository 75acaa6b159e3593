"""What a path to a task may be besides a task file: known from names and headers, without torch."""

import os
from pathlib import Path

from lpt.errors import LptError, TaskFileError
from lpt.files.regular_files import is_file
from lpt.files.tensor_files import TensorFile
from lpt.task_spec import LIMITS

__all__ = ["HUB_PREFIX", "is_exported", "is_input_file"]

HUB_PREFIX = "hf:"
"""Before the name of a repository on the hub."""


def is_exported(path: str | os.PathLike[str]) -> bool:
    """Whether a path is a file of `lpt export`: an ONNX graph, or a task that shares one."""
    file = Path(path)
    return file.suffix.lower() == ".onnx" or (is_file(file) and is_input_file(file))


def is_input_file(path: Path) -> bool:
    """Whether a file says that it is a task that shares a graph."""
    if path.suffix.lower() != ".safetensors":
        return False
    try:
        with TensorFile(path, LIMITS, TaskFileError) as file:
            return "lpt_inputs" in file.metadata
    except LptError:
        return False
