"""Write files atomically, so that an interruption or a full disk never leaves half of one."""

import json
import os
import secrets
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from platformdirs import user_cache_path
from safetensors import SafetensorError

from lpt.errors import ConfigError, LptError, RunError

__all__ = [
    "UNFINISHED",
    "append_line",
    "cache_folder",
    "check_free",
    "check_no_links",
    "check_writable",
    "open_to_continue",
    "remove_unfinished",
    "write_atomic",
    "write_bytes",
    "write_json",
    "write_text",
]

UNFINISHED = ".unfinished"
"""Suffix of files that are being written; one that is left over was interrupted."""

_LONGEST_NAME = 100  # characters of a name that the temporary name repeats


def cache_folder() -> Path:
    """Folder of files that can be recreated: LPT_CACHE, or the cache folder of the platform."""
    named = os.environ.get("LPT_CACHE")
    return Path(named).expanduser() if named else user_cache_path("lpt", appauthor=False)


def write_atomic(path: Path, write: Callable[[Path], None]) -> None:
    """Call `write` on a temporary file beside `path`, sync it to disk, then rename it to `path`.

    A reader sees the old file or the new one, never a part of it. Missing folders are created. The
    file may be read by everyone, as far as the process's umask permits.

    Args:
        path: the file to write.
        write: writes the content to the path that it is given.
    Raises: RunError naming the file if the disk is full or the folder cannot be written.
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        name = f".{path.name[:_LONGEST_NAME]}.{secrets.token_hex(4)}{UNFINISHED}"
        mode = _created(path.parent / name)
        temporary = path.parent / name
        write(temporary)
        temporary.chmod(mode)  # after writing: safetensors replaces the file
        _sync(temporary)
        temporary.replace(path)
        _sync(path.parent)
    except (OSError, SafetensorError) as error:  # safetensors wraps errors of the disk
        reason = getattr(error, "strerror", None) or error
        raise RunError(
            f"{path}: cannot be written ({reason}). "
            "Free some space or choose another folder; an existing file is unchanged."
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write bytes atomically."""
    write_atomic(path, lambda temporary: _put(temporary, data))


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically. Bytes of file names that are not UTF-8 stay as they are."""
    write_bytes(path, text.encode("utf-8", "surrogateescape"))


def write_json(path: Path, value: Any) -> None:
    """Write indented JSON atomically: UTF-8 without escapes, ending in a newline.

    Only the bytes of file names that are not UTF-8 are escaped, so that they can be read back.
    """
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_bytes(path, text.encode("utf-8", "backslashreplace"))


def append_line(path: Path, line: str) -> None:
    """Append a line to a file, which is created if missing; a link in its place is not followed.

    Raises: RunError naming the file if it cannot be written.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
    try:
        handle = os.open(path, flags | getattr(os, "O_NONBLOCK", 0), 0o644)
        with os.fdopen(handle, "a", encoding="utf-8") as stream:
            stream.write(line + "\n")
    except OSError as error:
        raise RunError(
            f"{path}: cannot be written ({error.strerror}). Remove it if it is a link."
        ) from error


def open_to_continue(path: Path) -> BinaryIO:
    """Open a file to read and write it at any place; a link in its place is not followed.

    Args:
        path: the file; created if it is missing.
    Raises: OSError if it cannot be opened.
    """
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    return os.fdopen(os.open(path, flags, 0o644), "r+b")


def check_writable(folder: Path) -> None:
    """Check that a folder, or the nearest one above it that exists, can be written.

    Raises: RunError naming the folder and what is in the way.
    """
    reason = ""
    try:
        place = next(p for p in (folder, *folder.absolute().parents) if os.path.lexists(p))
        with suppress(FileNotFoundError, NotADirectoryError):
            (folder / UNFINISHED).lstat()  # an error for a name that is too long, or holds NUL
        if not place.is_dir():
            reason = f"{place} is a file" if place != folder else "it is a file"
        elif not os.access(place, os.W_OK | os.X_OK):
            reason = f"{place} does not permit it"
    except (OSError, ValueError) as error:  # ValueError: NUL in the path
        reason = getattr(error, "strerror", None) or str(error)
    if reason:
        raise RunError(f"{folder}: cannot be written ({reason}). Choose another folder with `out`.")


def check_free(
    *paths: Path | None, error: type[LptError] = ConfigError, named: str = "", held: str = ""
) -> None:
    """Refuse to replace what exists, a link without a target too, before any work is done.

    Args:
        paths: what will be written; None is no file.
        error: the class of error.
        named: what the message says before the path, such as the parameter.
        held: what it says of the content, after "exists already".
    Raises: `error`, naming the path.

    >>> check_free(None, Path("a-new-name.csv"))
    """
    for path in paths:
        if path is not None and os.path.lexists(path):
            raise error(
                f"{named}{path}: exists already{held}. Choose another name, or remove it first."
            )


def check_no_links(folder: Path) -> None:
    """Check that a folder from elsewhere has no links to folders, whose files would be replaced.

    Raises: RunError naming the link.
    """
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_symlink() and entry.is_dir():
                raise RunError(
                    f"{entry.path}: is a link to another folder, which would be written. Put a "
                    "folder in its place."
                )


def remove_unfinished(folder: Path) -> None:
    """Remove files left by interrupted writers; no other process may be writing to the folder."""
    for path in folder.glob(f".*{UNFINISHED}"):
        path.unlink(missing_ok=True)


def _created(path: Path) -> int:
    """Create a file that did not exist, and return the mode that the umask left it."""
    handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o644)
    try:
        return stat.S_IMODE(os.fstat(handle).st_mode)
    finally:
        os.close(handle)


def _put(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def _sync(path: Path) -> None:
    if path.is_dir() and os.name == "nt":
        return  # Windows opens no folders
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
