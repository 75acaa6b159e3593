"""Checks of paths and values before a command imports torch: a typo is quick to see."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lpt.data.sources.data_string import parse_spec, path_exists, same_data
from lpt.errors import DataError, LptError, ParameterError, TaskFileError
from lpt.files.remote.remote_paths import is_remote, place
from lpt.machine.device_name import check_device_name

if TYPE_CHECKING:
    from lpt.data.sources.shifted_sets import ShiftedSet

__all__ = [
    "given_device",
    "given_paths",
    "given_prior",
    "given_run",
    "given_runs",
    "open_local_sets",
]

STDIN = "-"
WORDS = ("uniform", "training", "estimate")
"""Class frequencies that are no file (`lpt.task.class_prior`)."""
HUB_PREFIX = "hf:"  # as in `lpt.task.path_kinds`, which is slower to import


def given_run(run: Path | None) -> Path | None:
    """Return a run folder, a file of a task or hf:USER/NAME, which is not looked up yet.

    Raises: TaskFileError if there is nothing at its path.
    """
    if run is not None and not str(run).startswith(HUB_PREFIX) and not path_exists(str(run)):
        raise TaskFileError(f"{run}: no such file. Give a task file, or the folder of a run.")
    return run


def given_device(device: str | None) -> str | None:
    """Return the name of a device. Raises: ParameterError for a name that no device has."""
    if device is not None:
        check_device_name(device)
    return device


def given_prior(prior: str | None) -> str | None:
    """Return class frequencies. Raises: ParameterError for a text that is no word and no file."""
    if prior is not None and prior not in WORDS and not path_exists(prior):
        raise ParameterError(
            f"`prior` {prior}: no such file. Give a CSV file with the columns class and count, or "
            f"one of: {', '.join(WORDS)}."
        )
    return prior


def open_local_sets(run: Path, sources: Mapping[str, str]) -> "dict[str, tuple[ShiftedSet, ...]]":
    """Open local test data, and check that it has only classes of a task.

    What cannot be opened without torch is left to the command: a damaged task file, say. So is the
    data of the run itself.

    Returns: the sets by name, as `lpt.shift.open_sets.open_sets` returns them.
    Raises: DataError as `lpt.shift.open_sets.open_sets`.
    """
    from lpt.shift.open_sets import open_sets
    from lpt.task_spec import read_spec
    from lpt.training.run.run_files import RunFiles

    files = RunFiles(run)
    try:
        spec = read_spec(files.task_file if run.is_dir() else run)
        own = files.read_config().data.source if files.config_file.is_file() else None
    except LptError:
        return {}
    return {
        name: open_sets(name, source, spec.class_names)
        for name, source in sources.items()
        if path_exists(parse_spec(source).source) and not (own and same_data(source, own))
    }


def given_runs(runs: Sequence[Path]) -> list[Path]:
    """Return run folders. Raises: TaskFileError naming the first that does not exist."""
    for run in runs:
        given_run(run)
    return list(runs)


def given_paths(paths: Sequence[Path]) -> list[Path]:
    """Return paths of images. Raises: DataError if there is nothing at any of them."""
    for path in filter(is_remote, paths):
        raise DataError(
            f"{place(path)}: only images on this machine are predicted one by one. "
            "Score data in object storage with lpt evaluate, or copy the images."
        )
    missing = [path for path in paths if str(path) != STDIN and not path_exists(str(path))]
    if missing and len(missing) == len(paths):
        raise DataError(f"{missing[0]}: no such file or folder.")
    return list(paths)
