"""The metadata and the tensors of a task file, read and written without its backbone."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lpt.errors import ParameterError, TaskFileError
from lpt.escape import shortened
from lpt.files.atomic_files import check_free, check_writable, write_bytes
from lpt.files.tensor_files import TensorFile, tensor_bytes
from lpt.task.task_digest import task_digest
from lpt.task_records import MOST_EDITS, TaskEdit
from lpt.task_spec import FORMAT, LIMITS, TaskSpec, file_metadata, parse_spec

__all__ = ["TaskParts", "check_new_file", "read_parts", "save_parts"]

_MOST_NAMED = 20
_LONGEST = 150  # characters of a name in a history


@dataclass(frozen=True)
class TaskParts:
    """A task as its file holds it.

    Attributes:
        spec: the metadata.
        tensors: by name; "classifier" is (C, D).
        digest: SHA-256 of the file.
    """

    spec: TaskSpec
    tensors: Mapping[str, Tensor]
    digest: str

    @property
    def classifier(self) -> Tensor:
        """(C, D) directions of the classes, of any length."""
        return self.tensors["classifier"]

    def edited(
        self,
        classifier: Tensor,
        names: tuple[str, ...],
        counts: tuple[int, ...],
        *,
        action: str,
        classes: tuple[str, ...],
        result: str | None = None,
        images: int | None = None,
        scores_hold: bool = False,
    ) -> "TaskParts":
        """Return the task with other classes and one more entry in its history.

        Args:
            classifier: (C, D), of the new classes.
            names, counts: (C,) likewise.
            action, classes, result, images: of the entry, as in `TaskEdit`.
            scores_hold: whether metrics and validation scores that were measured before still hold.
        """
        history = self.history_with(action, classes, result=result, images=images)
        changed: dict[str, Any] = {
            "class_names": names,
            "class_counts": counts,
            "history": history,
        }
        if not scores_hold:
            changed |= {"metrics": {}, "validation": {}}
        # Not model_copy, which validates nothing.
        spec = TaskSpec.model_validate({**dict(self.spec), **changed})
        return replace(self, spec=spec, tensors={**self.tensors, "classifier": classifier})

    def history_with(
        self,
        action: str,
        classes: tuple[str, ...],
        *,
        result: str | None = None,
        images: int | None = None,
    ) -> tuple[TaskEdit, ...]:
        """Return the history with one more entry, which names this file as its source."""
        short = tuple(shortened(name, _LONGEST) for name in classes[:_MOST_NAMED])
        entry = TaskEdit.model_validate(
            {
                "action": action,
                "classes": short,
                "result": None if result is None else shortened(result, _LONGEST),
                "images": images,
                "source": self.digest,
                "date": datetime.now(UTC).date().isoformat(),
            }
        )
        return (*self.spec.history, entry)[-MOST_EDITS:]


def read_parts(path: str | os.PathLike[str]) -> TaskParts:
    """Read a task file without its backbone.

    Args:
        path: run folder or task file.
    Raises: TaskFileError if it is missing or damaged.
    """
    file = Path(path)
    file = file / "task.safetensors" if file.is_dir() else file
    if not file.is_file():
        raise TaskFileError(f"{file}: no such file. Give a task file, or the folder of a run.")
    with TensorFile(file, LIMITS, TaskFileError) as opened:
        spec = parse_spec(file, opened.metadata, "lpt_task", FORMAT)
        kind = opened.kinds.get("classifier", ())
        if kind[:2] != ("F32", len(spec.class_names)) or len(kind) != 3:
            raise TaskFileError(f"{file}: damaged: its classifier does not fit its classes.")
        tensors = opened.read_all()
    for name, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            raise TaskFileError(f"{file}: damaged: {name} holds values that are not finite.")
    return TaskParts(spec, tensors, task_digest(file))


def check_new_file(out: str | os.PathLike[str]) -> Path:
    """Check where a task file will be written, before any work is done.

    Raises: ParameterError if the name is taken, or does not end in .safetensors; RunError if the
        folder cannot be written.
    """
    path = Path(out)
    if path.suffix != ".safetensors":
        raise ParameterError(f"`out` {path}: give a name that ends in .safetensors.")
    check_free(path, error=ParameterError, named="`out` ")
    check_writable(path.parent)
    return path


def save_parts(out: Path, parts: TaskParts) -> int:
    """Write a task file that did not exist, atomically, and return its size in bytes.

    Raises: as `check_new_file`, and RunError if the disk is full.
    """
    check_new_file(out)
    data = tensor_bytes(dict(parts.tensors), file_metadata(parts.spec))
    write_bytes(out, data)
    return len(data)
