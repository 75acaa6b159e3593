"""Which names in a run folder were written there on this machine.

A run folder may come from anyone, and its config.yaml names files to open and weights to fetch. So
every name that a run writes is marked in `origin.json` with an HMAC-SHA256, whose key only this
user's data folder holds. A folder from elsewhere has no valid marks, however it was made.
"""

import hmac
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated

from platformdirs import user_data_path
from pydantic import Field, TypeAdapter

from lpt.errors import LptError
from lpt.files.atomic_files import write_json
from lpt.files.json_files import Record, read_json
from lpt.files.regular_files import read_regular

__all__ = ["ORIGIN", "is_marked", "key_file", "mark"]

ORIGIN = "origin.json"
"""Name of the file with the marks, in the folder of the run."""

_KEY_BYTES = 32
_MOST = 64  # marks of a folder: a run adds one for each place that its data moves to


class _Origin(Record):
    marks: Annotated[list[Annotated[str, Field(max_length=64)]], Field(max_length=_MOST)]


_SCHEMA = TypeAdapter(_Origin)


def key_file() -> Path:
    """File of the key: LPT_KEY, or `lpt/key` in the platform's folder of user data."""
    named = os.environ.get("LPT_KEY")
    return Path(named).expanduser() if named else user_data_path("lpt", appauthor=False) / "key"


def mark(folder: Path, names: Mapping[str, str]) -> None:
    """Record that names were written to the files of a folder on this machine.

    Earlier marks stay. Nothing is recorded if no key can be kept, as in a home that is read-only.

    Args:
        folder: the run folder; it must exist.
        names: by use, such as "backbone".
    Raises: RunError if the folder cannot be written.
    """
    key = _key(create=True)
    if key is None:
        return
    known = _marks(folder)
    new = [code for code in (_code(key, *item) for item in names.items()) if code not in known]
    if new:
        write_json(folder / ORIGIN, {"marks": [*known, *new][-_MOST:]})


def is_marked(folder: Path, use: str, name: str) -> bool:
    """Whether a name was written to the files of a folder, for this use, on this machine."""
    key = _key(create=False)
    if key is None:
        return False
    code = _code(key, use, name)
    return any(hmac.compare_digest(code, known) for known in _marks(folder))


def _code(key: bytes, use: str, name: str) -> str:
    text = f"{use}\0{name}".encode("utf-8", "surrogateescape")
    return hmac.digest(key, text, "sha256").hex()


def _marks(folder: Path) -> list[str]:
    """The marks of a folder; none if the file is missing or damaged."""
    try:
        found = read_json(folder / ORIGIN, _SCHEMA, remedy="", max_bytes=2**16).marks
    except LptError:
        return []
    return [code for code in found if code.isascii()]


def _key(*, create: bool) -> bytes | None:
    """The key of this user; None if there is none and none can be made."""
    path = key_file()
    with suppress(LptError, OSError):
        if create and not path.exists():
            _make(path)
        key = read_regular(path, _KEY_BYTES)
        return key if len(key) == _KEY_BYTES else None
    return None


def _make(path: Path) -> None:
    """Write a new key that only its owner can read, unless another process has just done so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(secrets.token_bytes(_KEY_BYTES))
            stream.flush()
            os.fsync(stream.fileno())
        with suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        temporary.unlink()
