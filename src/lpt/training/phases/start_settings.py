"""The settings that a run takes from the task that it starts from; read without torch."""

import os
from pathlib import Path
from typing import Any

from lpt.backbones.named_by_file import check_named
from lpt.errors import ConfigError
from lpt.files.made_here import is_marked
from lpt.task.path_kinds import HUB_PREFIX
from lpt.task_spec import read_spec

__all__ = ["start_settings", "task_file_of"]


def task_file_of(task: str | os.PathLike[str]) -> Path:
    """Return the task file of a run folder, or the given file; fetch that of hf:USER/NAME.

    Raises: ConfigError if there is none; TaskFileError if it cannot be fetched.
    """
    name = os.fspath(task)
    if name.startswith(HUB_PREFIX):
        from lpt.task.hub.hub_files import fetch_task  # slow to import

        return fetch_task(name)
    path = Path(task)
    file = path / "task.safetensors" if path.is_dir() else path
    if not file.is_file():
        raise ConfigError(f"{file}: no such file. Give the folder of a finished run, or a task.")
    return file


def start_settings(task: str | os.PathLike[str], *, backbone_given: bool) -> dict[str, Any]:
    """Return dotted settings: sizes of prompts and input, and the backbone unless it is given.

    Raises: TaskFileError if the file is damaged; BackboneError if the user has to name the
        backbone.
    """
    file = task_file_of(task)
    spec = read_spec(file)
    settings: dict[str, Any] = {
        "image_size": spec.backbone.image_size,
        "layer_norm_eps": spec.backbone.layer_norm_eps,
        "feature": spec.backbone.feature,
        "prompts.length": spec.prompt_length,
        "prompts.shared_blocks": spec.shared_blocks,
        "adapters.width": spec.adapter_width,
        "augment.resize_rule": spec.resize_rule,
    }
    if spec.phases == 2:
        settings |= {"prompts.pool_size": spec.pool_size, "prompts.top_k": spec.top_k}
    if not backbone_given:
        name = spec.backbone.name
        check_named(name, file, made_here=is_marked(file.parent, "backbone", name))
        settings["backbone"] = name
    return settings
