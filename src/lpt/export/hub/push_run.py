"""Publish a trained task in a repository of the hub, in one commit."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import CommitOperationAdd, HfApi

from lpt.arguments import path_text
from lpt.errors import ParameterError, RunError
from lpt.export.hub.data_facts import data_facts
from lpt.task.hub.model_card import model_card
from lpt.task.hub.repository_files import CONFIG, public_task, repository_files

__all__ = ["Published", "push_run", "run_files"]

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
    files = run_files(path, repository, license=license)
    api = HfApi()
    try:
        api.create_repo(repository, private=private, exist_ok=True)
        done = api.create_commit(
            repository,
            [CommitOperationAdd(name, content) for name, content in files.items()],
            commit_message=message or f"Task {json.loads(files[CONFIG])['name']}",
        )
    except Exception as error:  # the hub's client does not wrap the errors of its transports
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise RunError(
            f"{repository}: not published ({reason}). Check the connection and hf auth whoami."
        ) from error
    return Published(repository, done.oid, done.commit_url)


def run_files(run: Path, repository: str, *, license: str | None = None) -> Mapping[str, bytes]:
    """Return the files of a repository by name, with a card that also names the data of the run.

    Args:
        run: run folder or task file.
        repository, license: as in `push_run`.
    Raises: TaskFileError if there is no task, or it is damaged.
    """
    spec, content = public_task(run)
    card = model_card(spec, repository, data_facts(run, spec.class_names), license=license)
    return repository_files(spec, content, card)
