"""Checks of paths as they are parsed, before a command imports torch: a typo is quick to see."""

from collections.abc import Sequence
from pathlib import Path

from lpt.data.sources.data_string import path_exists
from lpt.errors import DataError, TaskFileError

__all__ = ["given_paths", "given_run", "given_runs"]

STDIN = "-"
HUB_PREFIX = "hf:"


def given_run(run: Path | None) -> Path | None:
    """Return a run folder, a file of a task or hf:USER/NAME, which is not looked up yet.

    Raises: TaskFileError if there is nothing at its path.
    """
    if run is not None and not str(run).startswith(HUB_PREFIX) and not path_exists(str(run)):
        raise TaskFileError(f"{run}: no such file. Give a task file, or the folder of a run.")
    return run


def given_runs(runs: Sequence[Path]) -> list[Path]:
    """Return run folders. Raises: TaskFileError naming the first that does not exist."""
    for run in runs:
        given_run(run)
    return list(runs)


def given_paths(paths: Sequence[Path]) -> list[Path]:
    """Return paths of images. Raises: DataError if there is nothing at any of them."""
    missing = [path for path in paths if str(path) != STDIN and not path_exists(str(path))]
    if missing and len(missing) == len(paths):
        raise DataError(f"{missing[0]}: no such file or folder.")
    return list(paths)
