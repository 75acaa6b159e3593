"""The task files that a server may open: those given at start, and those of one folder."""

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lpt.errors import ConfigError, TaskFileError
from lpt.files.regular_files import is_file
from lpt.serving.task_names import given_task, is_name

__all__ = ["Signature", "TaskFiles", "signature_of"]

_RACY_NS = 2 * 10**9
"""A file written this short a time ago may change again without changing its times."""


@dataclass(frozen=True)
class Signature:
    """Facts about a file that change whenever its content does.

    Attributes:
        facts: device, inode, size and time of the last change; None if there is no file.
        settled: whether the file had rested for long enough that its time tells.
    """

    facts: tuple[int, ...] | None
    settled: bool = True


def signature_of(path: Path) -> Signature:
    """Return the signature of a file now."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return Signature(None)
    facts = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
    return Signature(facts, abs(time.time_ns() - found.st_mtime_ns) > _RACY_NS)


class TaskFiles:
    """Names of tasks and their files. Requests never reach it: only names in it can be asked for.

    Args:
        given: run folders or task files, each as PATH or NAME=PATH.
        folder: holds `NAME.safetensors` and run folders `NAME`; looked at again by every `scan`.

    Attributes:
        given: files of the tasks that were given, by name.

    Raises: ConfigError for two tasks of one name; TaskFileError for a task that was given and is
        not there.
    """

    def __init__(self, given: Iterable[str | Path] = (), folder: Path | None = None) -> None:
        self.given: dict[str, Path] = {}
        self._folder = folder
        for entry in given:
            name, path = given_task(entry)
            if name in self.given:
                raise ConfigError(
                    f"{entry}: the name '{name}' is taken by {self.given[name]}. "
                    f"Give it another name: other-{name}={path}"
                )
            self.given[name] = _file_of(path)
            if not is_file(self.given[name]):
                raise TaskFileError(
                    f"{path}: no such file. Give a task file, or the folder of a finished run."
                )
        if folder is not None and not folder.is_dir():
            raise ConfigError(f"{folder}: no such folder. Give a folder that holds task files.")

    def scan(self) -> dict[str, Path]:
        """Return the files that are there now, by name. Entries with other names are ignored."""
        found = {} if self._folder is None else dict(_entries(self._folder))
        return {**found, **self.given}


def _entries(folder: Path) -> Iterable[tuple[str, Path]]:
    try:
        with os.scandir(folder) as entries:
            paths = sorted(Path(entry.path) for entry in entries)
    except OSError:  # a mount that comes and goes: its tasks are gone until it is back
        return
    for path in paths:
        is_run = path.is_dir()
        if not is_run and path.suffix != ".safetensors":
            continue
        file, name = _file_of(path), path.name if is_run else path.stem
        if is_name(name) and is_file(file):
            yield name, file


def _file_of(path: Path) -> Path:
    return path / "task.safetensors" if path.is_dir() else path
