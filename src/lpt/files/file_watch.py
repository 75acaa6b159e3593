"""Whether a file that is in use is still the one that was opened."""

import math
import time
from pathlib import Path

from lpt.errors import DataError
from lpt.files.remote.remote_paths import RemotePath

__all__ = ["FileState", "FileWatch", "check_unchanged", "file_state"]

_CHECK_SECONDS, _REMOTE_SECONDS = 1.0, 30.0
"""Time between two looks at a file."""

FileState = tuple[int, int]
"""Size and time of modification of a file."""


def file_state(path: Path) -> FileState:
    """Return size and time of a file. Raises: DataError if it is gone."""
    try:
        status = path.stat()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}). Restore the file.") from error
    return status.st_size, status.st_mtime_ns


def check_unchanged(path: Path, state: FileState) -> FileState:
    """Return the state of a file. Raises: DataError if it was cut off, replaced or removed."""
    if file_state(path) != state:
        raise DataError(f"{path}: damaged: it was changed while it was in use. Start again.")
    return state


class FileWatch:
    """Looks at files from time to time, while their content comes from memory or by parts."""

    def __init__(self) -> None:
        self._states: dict[Path, FileState] = {}
        self._looked: dict[Path, float] = {}

    def state(self, path: Path) -> FileState:
        """Size and time of a file when it was first asked for. Raises: DataError if it is gone."""
        if path not in self._states:
            self._states[path] = file_state(path)
            self._looked[path] = -math.inf
        return self._states[path]

    def look(self, path: Path) -> None:
        """Check a file of known state, unless that was done a moment ago.

        Raises: DataError if it was cut off, replaced or removed.
        """
        now = time.monotonic()
        pause = _REMOTE_SECONDS if isinstance(path, RemotePath) else _CHECK_SECONDS
        if now - self._looked[path] >= pause:
            check_unchanged(path, self._states[path])
            self._looked[path] = now
