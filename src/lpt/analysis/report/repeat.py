"""The commands of the report's last section: the one that was run, and one that repeats the run."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lpt.config import RunConfig

__all__ = ["given_command", "repeat_command"]


def repeat_command(config: RunConfig, path: Path) -> str:
    """Return a command that trains the run again, to the same bits on the same machine.

    It takes the run's own config.yaml. The command that was typed would not do: a time budget cuts
    the epochs by the speed of the moment.
    """
    again = path.with_name(f"{path.resolve().name}-again")
    command = ["lpt", "train", config.data.source, "--recipe", str(path / "config.yaml")]
    return shlex.join([*command, "--out", str(again)])


def given_command(environment: Mapping[str, Any]) -> str:
    """Return the command that was typed, quoted for a shell; empty if the run began elsewhere."""
    command = environment.get("command")
    if not isinstance(command, list) or not command:
        return ""
    words = [str(word) for word in command]
    return shlex.join([Path(words[0]).name, *words[1:]])
