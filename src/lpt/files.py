"""Writing files so that a kill or a full disk never leaves half of one behind."""

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
"""Suffix of files that are being written; one that stays behind was cut short by a kill."""


def cache_folder() -> Path:
    """Where files go that can be had again: LPT_CACHE, else the platform's folder for caches."""
    named = os.environ.get("LPT_CACHE")
    return Path(named).expanduser() if named else user_cache_path("lpt", appauthor=False)


def write_atomic(path: Path, write: Callable[[Path], None]) -> None:
    """Call `write` on a temporary neighbour of `path`, sync it to disk, then rename it to `path`.

    A reader sees the old file or the new one, never a part. The parent folder is made if needed.

    Raises: RunError naming the file if the disk is full or the place cannot be written.
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(UNFINISHED, f".{path.name}.", path.parent)
        os.close(handle)
        temporary = Path(name)
        write(temporary)
        temporary.chmod(0o644)  # after the writer: safetensors puts a file of its own in its place
        _sync(temporary)
        temporary.replace(path)
        _sync(path.parent)
    except (OSError, SafetensorError) as error:  # safetensors wraps errors of the disk in its own
        reason = getattr(error, "strerror", None) or error
        raise RunError(
            f"{path}: cannot be written ({reason}). "
            "Free some space or choose another folder; what was there is unchanged."
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write bytes atomically."""
    write_atomic(path, lambda temporary: _put(temporary, data))


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """Write JSON atomically, indented, non-ASCII kept, ending in a newline."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def remove_unfinished(folder: Path) -> None:
    """Remove what killed processes left half-written in a folder that no other one writes to."""
    for path in folder.glob(f".*{UNFINISHED}"):
        path.unlink(missing_ok=True)


def _put(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
