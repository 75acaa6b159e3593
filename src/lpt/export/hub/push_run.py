"""Publish a trained task in a repository of the hub, in one commit."""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import CommitOperationAdd, HfApi

from lpt.arguments import path_text
from lpt.errors import ParameterError, RunError, TaskFileError
from lpt.export.hub.data_facts import data_facts
from lpt.export.hub.model_card import base_model, model_card
from lpt.export.public_spec import public_spec
from lpt.files.regular_files import read_regular
from lpt.files.tensor_files import TensorFile, tensor_bytes
from lpt.task.hub_files import TASK_FILE
from lpt.task_file import LIMITS, read_spec
from lpt.task_spec import TaskSpec

__all__ = ["Published", "push_run", "repository_files"]

_NAME = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)


@dataclass(frozen=True)
class Published:
    """A published task.

    Attributes:
        repository: USER/NAME.
        revision: the commit.
        url: page of the commit.
    """

    repository: str
    revision: str
    url: str


def push_run(
    run: str | os.PathLike[str],
    repository: str,
    *,
    private: bool = False,
    license: str | None = None,
    message: str | None = None,
) -> Published:
    """Publish a task: task file, model card, config.json and adapter_config.json.

    Neither the backbone nor images are published, and no path of this machine. The login is that
    of huggingface_hub (`hf auth login`, HF_TOKEN).

    Args:
        run: run folder or task file.
        repository: USER/NAME; created if it does not exist.
        private: whether a new repository is private. An existing one stays as it is.
        license: name of the licence on the hub, such as "apache-2.0".
        message: of the commit; None names the task.
    Returns: repository and commit.
    Raises: TaskFileError if there is no task; ParameterError for a name that the hub does not
        allow; RunError if the hub cannot be reached or refuses.
    """
    if _NAME.fullmatch(repository) is None:
        raise ParameterError(f"`repository` {repository}: write USER/NAME.")
    path = Path(path_text("run", run))
    files = repository_files(path, repository, license=license)
    api = HfApi()
    try:
        api.create_repo(repository, private=private, exist_ok=True)
        done = api.create_commit(
            repository,
            [CommitOperationAdd(name, content) for name, content in files.items()],
            commit_message=message or f"Task {json.loads(files['config.json'])['name']}",
        )
    except Exception as error:  # the hub's client does not wrap the errors of its transports
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise RunError(
            f"{repository}: not published ({reason}). Check the connection and hf auth whoami."
        ) from error
    return Published(repository, done.oid, done.commit_url)


def repository_files(
    run: Path,
    repository: str,
    *,
    license: str | None = None,
) -> dict[str, bytes]:
    """Return the files of a repository by name.

    `config.json` holds the metadata of the task file; `adapter_config.json` names the backbone and
    the hash of its weights, as adapters do on the hub.
    """
    file = run / TASK_FILE if run.is_dir() else run
    spec = read_spec(file)
    public = public_spec(spec)
    content = read_regular(file, LIMITS.file_bytes, error=TaskFileError)
    if public != spec:
        with TensorFile(file, LIMITS, TaskFileError) as held:
            metadata = {**held.metadata, "spec": public.model_dump_json()}
            content = tensor_bytes(held.read_all(), metadata)
    card = model_card(public, repository, data_facts(run, spec.class_names), license=license)
    return {
        TASK_FILE: content,
        "config.json": _json({"library_name": "lpt", **public.model_dump(mode="json")}),
        "adapter_config.json": _json(_adapter(public)),
        "README.md": card.encode(),
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
