"""Write files atomically, so that an interruption or a full disk never leaves half of one."""

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path
from safetensors import SafetensorError

from lpt.errors import RunError

__all__ = [
    "UNFINISHED",
    "cache_folder",
    "remove_unfinished",
    "write_atomic",
    "write_bytes",
    "write_json",
    "write_text",
]

UNFINISHED = ".unfinished"
"""Suffix of files that are being written; one that is left over was interrupted."""


def cache_folder() -> Path:
    """Folder of files that can be recreated: LPT_CACHE, or the cache folder of the platform."""
    named = os.environ.get("LPT_CACHE")
    return Path(named).expanduser() if named else user_cache_path("lpt", appauthor=False)


def write_atomic(path: Path, write: Callable[[Path], None]) -> None:
    """Call `write` on a temporary file beside `path`, sync it to disk, then rename it to `path`.

    A reader sees the old file or the new one, never a part of it. Missing folders are created.

    Args:
        path: the file to write.
        write: writes the content to the path that it is given.
    Raises: RunError naming the file if the disk is full or the folder cannot be written.
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(UNFINISHED, f".{path.name}.", path.parent)
        os.close(handle)
        temporary = Path(name)
        write(temporary)
        temporary.chmod(0o644)  # after writing: safetensors replaces the file
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


def remove_unfinished(folder: Path) -> None:
    """Remove files left by interrupted writers; no other process may be writing to the folder."""
    for path in folder.glob(f".*{UNFINISHED}"):
        path.unlink(missing_ok=True)


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
