"""Locks on files: one process at a time, released however the process ends."""

import fcntl
import os
import stat
from pathlib import Path

from lpt.errors import RunError

__all__ = ["FileLock"]


class FileLock:
    """An exclusive lock on a file.

    The file is created if it is missing. It is never emptied, and a link in its place is not
    followed: in a folder that came from someone else it could point to any file.

    Args:
        path: the file; its folder must exist.
    Raises: BlockingIOError if another process holds the lock; RunError if the path is a link or not
        a file; OSError if it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
        if path.is_symlink() or (path.exists() and not path.is_file()):
            raise _misplaced(path)
        self._handle: int | None = os.open(path, flags, 0o644)
        try:
            if not stat.S_ISREG(os.fstat(self._handle).st_mode):
                raise _misplaced(path)
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BaseException:
            self.release()
            raise

    def is_in_place(self) -> bool:
        """Whether the locked file is still the one at its path, and not removed or replaced."""
        if self._handle is None:
            return False
        try:
            found = os.lstat(self.path)
        except OSError:
            return False
        return os.path.samestat(found, os.fstat(self._handle))

    def release(self) -> None:
        """Release the lock. Releasing it twice does nothing."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def _misplaced(path: Path) -> RunError:
    return RunError(f"{path}: is a link or not a file, where a lock is expected. Remove it.")
