"""Commands about a run: the one that was given, one that repeats it, one that leaves images out."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lpt.config import RunConfig
from lpt.escape import shell_command

__all__ = ["given_command", "repeat_command", "without_command"]


def repeat_command(config: RunConfig, path: Path) -> str:
    """Return a command that trains the run again, to the same bits on the same machine.

    It takes the run's own config.yaml. The command that was typed would not do: a time budget cuts
    the epochs by the speed of the moment.
    """
    again = path.with_name(f"{path.resolve().name}-again")
    command = ["lpt", "train", config.data.source, "--recipe", str(path / "config.yaml")]
    return shell_command(*command, "--out", again)


def without_command(config: RunConfig, path: Path, bad_images: Path) -> str:
    """Return a command that trains the run again in a new folder, without the images of a list.

    Args:
        config: of the run.
        path: its folder.
        bad_images: a quarantine list, which replaces that of the run.
    """
    recipe = ("--recipe", path / "config.yaml")
    return shell_command("lpt", "train", config.data.source, *recipe, "--bad-images", bad_images)


def given_command(environment: Mapping[str, Any]) -> str:
    """Return the command that was typed, quoted for a shell; empty if the run began elsewhere."""
    command = environment.get("command")
    if not isinstance(command, list) or not command:
        return ""
    words = [str(word) for word in command]
    program = Path(words[0]).name
    started = ["python", "-m", "lpt"] if program == "__main__.py" else [program]
    return shell_command(*started, *words[1:])
