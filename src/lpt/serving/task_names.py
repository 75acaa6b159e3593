"""Names of tasks: which are allowed, with versions, and in the arguments of a command."""

import re
from pathlib import Path

from lpt.errors import ConfigError
from lpt.escape import described

__all__ = ["given_task", "is_name", "split_version", "versioned"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_VERSION = re.compile(r"[0-9a-f]{12}")


def is_name(text: str) -> bool:
    """Whether a text can name a task.

    >>> is_name("birds-2.1"), is_name("../birds"), is_name("")
    (True, False, False)
    """
    return _NAME.fullmatch(text) is not None


def split_version(text: str) -> tuple[str, str | None] | None:
    """Split "name" or "name@version"; None if it is neither.

    >>> split_version("birds@3f9c0d1a2b4c"), split_version("birds"), split_version("birds@new")
    (('birds', '3f9c0d1a2b4c'), ('birds', None), None)
    """
    name, at, version = text.partition("@")
    if not is_name(name) or (at and not _VERSION.fullmatch(version)):
        return None
    return name, version if at else None


def versioned(name: str, sha256: str) -> str:
    """Return the name of one version of a task.

    >>> versioned("birds", "3f9c0d1a2b4c5d6e7f")
    'birds@3f9c0d1a2b4c'
    """
    return f"{name}@{sha256[:12]}"


def given_task(given: str | Path) -> tuple[str, Path]:
    """Return name and path of a task given as PATH or NAME=PATH.

    A run folder is named after itself, and a task file after its stem, or after its folder if it
    is that of a run.

    Raises: ConfigError if that is no name of a task.

    >>> given_task("birds=runs/7")
    ('birds', PosixPath('runs/7'))
    >>> given_task("tasks/birds.safetensors")[0], given_task("runs/birds/task.safetensors")[0]
    ('birds', 'birds')
    """
    text = str(given)
    name, equals, path = text.partition("=")
    if equals and is_name(name) and not Path(text).exists():
        return name, Path(path)
    found = Path(text)
    own = found.absolute().parent if found.name == "task.safetensors" else found.absolute()
    name = own.stem if own.suffix == ".safetensors" else own.name
    if not is_name(name):
        raise ConfigError(
            f"{text}: {described(name)} cannot name a task (letters, digits, '.', '_' and '-', at "
            f"most 64). Name it: NAME={text}"
        )
    return name, found
