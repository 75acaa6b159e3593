"""The files of a task in a repository of the hub. No network here."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lpt.errors import TaskFileError
from lpt.files.regular_files import read_regular
from lpt.files.tensor_files import TensorFile, tensor_bytes
from lpt.task.hub.hub_files import TASK_FILE
from lpt.task.hub.model_card import base_model
from lpt.task.hub.public_spec import public_spec
from lpt.task_file import LIMITS, read_spec
from lpt.task_spec import TaskSpec

__all__ = ["CARD", "CONFIG", "public_task", "repository_files"]

CARD, CONFIG = "README.md", "config.json"


def public_task(run: Path) -> tuple[TaskSpec, bytes]:
    """Return metadata and content of the task file of a run, without folders of this machine.

    Args:
        run: run folder or task file.
    Raises: TaskFileError if there is no task, or it is damaged.
    """
    file = run / TASK_FILE if run.is_dir() else run
    spec = read_spec(file)
    public = public_spec(spec)
    if public == spec:
        return spec, read_regular(file, LIMITS.file_bytes, error=TaskFileError)
    with TensorFile(file, LIMITS, TaskFileError) as held:
        metadata = {**held.metadata, "spec": public.model_dump_json()}
        return public, tensor_bytes(held.read_all(), metadata)


def repository_files(spec: TaskSpec, content: bytes, card: str) -> Mapping[str, bytes]:
    """Return the files of a repository by name.

    `config.json` holds the metadata of the task file; `adapter_config.json` names the backbone and
    the hash of its weights, as adapters do on the hub.

    Args:
        spec, content: metadata and bytes of the task file, without folders of this machine.
        card: the model card.
    """
    return {
        TASK_FILE: content,
        CONFIG: _json({"library_name": "lpt", **spec.model_dump(mode="json")}),
        "adapter_config.json": _json(_adapter(spec)),
        CARD: card.encode(),
    }


def _adapter(spec: TaskSpec) -> dict[str, Any]:
    return {
        "peft_type": "LPT",
        "task_type": "IMAGE_CLASSIFICATION",
        "base_model_name_or_path": base_model(spec) or spec.backbone.name,
        "lpt_backbone": spec.backbone.name,
        "backbone_sha256": spec.backbone.sha256,
    }


def _json(content: dict[str, Any]) -> bytes:
    return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()
