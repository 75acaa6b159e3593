"""A task with the calls of huggingface_hub: from_pretrained, save_pretrained, push_to_hub."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import torch
from huggingface_hub import ModelCard, ModelHubMixin

from lpt.backbones import FrozenViT
from lpt.errors import ParameterError
from lpt.files.atomic_files import write_bytes
from lpt.machine.devices import choose_device
from lpt.model.two_pass import LongTailedPromptModel
from lpt.task.hub.hub_files import TASK_FILE, fetch_task
from lpt.task.hub.model_card import DataFacts, model_card
from lpt.task.hub.public_spec import public_spec
from lpt.task.hub.repository_files import CARD, repository_files
from lpt.task.path_kinds import HUB_PREFIX
from lpt.task_file import load_task, task_bytes
from lpt.task_spec import TaskSpec

__all__ = ["HubCalls"]


class HubCalls(ModelHubMixin):
    """The interface of `huggingface_hub.ModelHubMixin` for `lpt.Task`.

    `lpt push` publishes the same files. Its card also names the data of the run.
    """

    _hub_mixin_config: dict[str, Any] = {}  # noqa: RUF012  # never changed
    """Not None, so that the mixin does not record the arguments of the constructor."""

    model: LongTailedPromptModel
    spec: TaskSpec

    @classmethod
    def from_pretrained(  # type: ignore[override]  # this one names its arguments
        cls,
        pretrained_model_name_or_path: str | os.PathLike[str],
        *,
        backbone: FrozenViT | str | None = None,
        device: str | torch.device | None = None,
        revision: str | None = None,
        token: str | bool | None = None,
        cache_dir: str | Path | None = None,
        force_download: bool = False,
        local_files_only: bool = False,
    ) -> Self:
        """Load a task from a folder or from a repository of the hub.

        Args:
            pretrained_model_name_or_path: a folder that exists, or USER/NAME.
            backbone, device: as in `lpt.load`.
            revision: branch, tag or commit; None for the latest version.
            token, cache_dir, force_download, local_files_only: as in `hf_hub_download`.
        Raises: as `lpt.load`.

        >>> lpt.load("runs/digits", device="cpu").save_pretrained("digits")
        >>> lpt.Task.from_pretrained("digits", device="cpu").predict("7.png")[0].labels[0]
        '7'
        """
        name = os.fspath(pretrained_model_name_or_path)
        folder = Path(name)
        if folder.is_dir():
            path, file = folder, folder / TASK_FILE
        else:
            name = HUB_PREFIX + name if revision is None else f"{HUB_PREFIX}{name}@{revision}"
            path = Path(name)
            file = fetch_task(
                name,
                token=token,
                cache_dir=cache_dir,
                force_download=force_download,
                local_files_only=local_files_only,
            )
        model, spec = load_task(file, backbone, in_run=folder.is_dir())
        return cls(model.to(choose_device(device)), spec, path=path)

    def push_to_hub(
        self, repo_id: str, *, model_card_kwargs: Mapping[str, Any] | None = None, **options: Any
    ) -> str:
        """Publish the task in a repository of the hub, and return the URL of the commit.

        The repository is created if it does not exist.

        Args:
            repo_id: USER/NAME.
            model_card_kwargs: `{"license": "apache-2.0"}` states the licence in the card.
            options: `private`, `token`, `commit_message`, `branch` and the other options of
                `ModelHubMixin.push_to_hub`.
        Raises: ParameterError for a task with other class frequencies (`with_prior`); errors of
            huggingface_hub.
        """
        card = {"repository": repo_id, **(model_card_kwargs or {})}
        url: str = super().push_to_hub(repo_id, model_card_kwargs=card, **options)
        return url

    def generate_model_card(
        self, *, repository: str = "USER/NAME", license: str | None = None
    ) -> ModelCard:
        """Return the model card of the task.

        Args:
            repository: the name that the card tells to load.
            license: name of the licence on the hub.
        """
        text = model_card(public_spec(self.spec), repository, DataFacts(), license=license)
        return ModelCard(text, ignore_metadata_errors=True)

    def _save_pretrained(self, save_directory: Path) -> None:
        if getattr(self, "prior", None) is not None:
            raise ParameterError(
                "`with_prior`: the files hold no other class frequencies. "
                "Save the task itself, and call `with_prior` after loading."
            )
        spec = public_spec(self.spec)
        files = repository_files(spec, task_bytes(self.model, spec), "")
        for name, content in files.items():
            if name != CARD:  # the mixin writes it
                write_bytes(save_directory / name, content)
