"""The identity of a trained task: a hash of its file."""

import hashlib
from pathlib import Path

from lpt.errors import TaskFileError
from lpt.files.regular_files import open_regular

__all__ = ["task_digest"]


def task_digest(path: str | Path) -> str:
    """Return the SHA-256 of a task file, as hexadecimal digits.

    Args:
        path: run folder or task file.
    Raises: TaskFileError if it cannot be read.
    """
    file = Path(path)
    file = file / "task.safetensors" if file.is_dir() else file
    with open_regular(file, error=TaskFileError) as stream:
        digest = hashlib.sha256()
        while piece := stream.read(2**20):
            digest.update(piece)
        return digest.hexdigest()
