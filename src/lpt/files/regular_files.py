"""Read files from outside: regular files only, and never more bytes than expected.

A named pipe would block for ever, a device gives bytes without end, and a file that another
process cuts off while it is mapped into memory ends the process. So every file that a user names
is opened here, and its bytes are read, not mapped.
"""

import os
import stat
from pathlib import Path
from typing import BinaryIO

from lpt.errors import DataError, LptError
from lpt.files.remote.remote_paths import RemotePath

__all__ = ["is_file", "open_regular", "read_regular", "size_text"]

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)


def open_regular(
    path: str | Path, *, max_bytes: int | None = None, error: type[LptError] = DataError
) -> BinaryIO:
    """Open a regular file for reading, without waiting for a pipe or a device.

    Links are followed; the file at their end must be a regular one.

    Args:
        path: the file.
        max_bytes: largest accepted size; None for any.
        error: class of the errors raised.
    Returns: a binary stream at the start of the file. Close it.
    Raises: `error` naming the path if it is missing, not readable, not a regular file or too large.
        DataError for an object in storage that is missing or cannot be reached.
    """
    if isinstance(path, RemotePath):
        return _bounded(path, path.open_ranges(), max_bytes, error)
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _BINARY)
    except FileNotFoundError as missing:
        raise error(f"{path}: no such file. Check the path.") from missing
    except (OSError, ValueError) as fault:  # ValueError: NUL in the path
        reason = getattr(fault, "strerror", None) or fault
        raise error(
            f"{path}: cannot be opened ({reason}). Check the path and its permissions."
        ) from fault
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            kind = next((k for is_kind, k in _KINDS if is_kind(status.st_mode)), "special")
            raise error(f"{path}: is {kind}, not a file. Leave it out.")
        _check_size(path, status.st_size, max_bytes, error)
    except BaseException:
        os.close(handle)
        raise
    return os.fdopen(handle, "rb")


def _bounded(
    path: Path, stream: BinaryIO, max_bytes: int | None, error: type[LptError]
) -> BinaryIO:
    _check_size(path, stream.seek(0, os.SEEK_END), max_bytes, error)
    stream.seek(0)
    return stream


def _check_size(path: str | Path, size: int, max_bytes: int | None, error: type[LptError]) -> None:
    if max_bytes is not None and size > max_bytes:
        raise error(
            f"{path}: {size_text(size)}, more than the {size_text(max_bytes)} that such a file may "
            "have. Leave it out."
        )


def is_file(path: str | Path) -> bool:
    """Whether a path leads to a regular file; a text that no file can be named by does not."""
    try:
        return Path(path).is_file()
    except (OSError, ValueError):  # too long, or with a NUL
        return False


def read_regular(path: str | Path, max_bytes: int, *, error: type[LptError] = DataError) -> bytes:
    """Read all bytes of a regular file of at most `max_bytes`. Raises: as `open_regular`."""
    with open_regular(path, max_bytes=max_bytes, error=error) as stream:
        try:
            expected = min(stream.seek(0, os.SEEK_END), max_bytes)
            stream.seek(0)
            data = stream.read(expected + 1) or b""
            if len(data) > expected:  # it has grown since
                data += stream.read(max_bytes - expected) or b""
        except OSError as fault:
            raise error(f"{path}: cannot be read ({fault.strerror}). Check the disk.") from fault
    if len(data) > max_bytes:
        raise error(
            f"{path}: more than the {size_text(max_bytes)} that such a file may have. Leave it out."
        )
    return data


def size_text(count: int) -> str:
    """Write a number of bytes as people do.

    >>> size_text(999), size_text(1_500_000), size_text(2**40)
    ('999 bytes', '1.5 MB', '1,100 GB')
    """
    if count < 1000:
        return f"{count} bytes"
    for unit, size in (("kB", 1e3), ("MB", 1e6)):
        if count < size * 999.5:
            return f"{count / size:.3g} {unit}"
    return f"{count / 1e9:,.3g} GB" if count < 999.5e9 else f"{count / 1e9:,.0f} GB"


_BINARY = getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
