"""Checks of paths and values before a command imports torch: a typo is quick to see."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from lpt.data.sources.data_string import parse_spec, path_exists
from lpt.errors import DataError, LptError, ParameterError, TaskFileError
from lpt.machine.device_name import check_device_name

__all__ = [
    "check_classes",
    "given_device",
    "given_paths",
    "given_prior",
    "given_run",
    "given_runs",
]

STDIN = "-"
WORDS = ("uniform", "training", "estimate")
"""Class frequencies that are no file (`lpt.task.class_prior`)."""
HUB_PREFIX = "hf:"


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


def check_classes(run: Path, sources: Mapping[str, str]) -> None:
    """Check that local data has only classes of a task.

    What cannot be checked without torch is left to the command: a damaged task file, say.

    Raises: DataError as `lpt.shift.open_sets.open_sets`.
    """
    from pydantic import ValidationError

    from lpt.files.tensor_files import TensorFile, TensorLimits
    from lpt.shift.open_sets import open_sets
    from lpt.task_spec import TaskSpec

    file = run / "task.safetensors" if run.is_dir() else run
    try:
        with TensorFile(file, TensorLimits(), TaskFileError) as opened:
            spec = TaskSpec.model_validate_json(opened.metadata["spec"])
    except (LptError, KeyError, ValidationError):
        return
    for name, source in sources.items():
        if path_exists(parse_spec(source).source):
            open_sets(name, source, spec.class_names)


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
