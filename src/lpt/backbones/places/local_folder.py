"""The folder in which a user keeps backbones, each a folder that is found by its name.

A name that means something already (`lpt.backbones.names`) keeps its meaning: a folder of that name
is listed with a remark, and loaded only by its path.
"""

import os
from pathlib import Path

from platformdirs import user_data_path

from lpt.backbones.config_json import CONFIG
from lpt.errors import ConfigError
from lpt.registry import check_name

__all__ = ["find_local", "local_backbones", "local_folder"]

_MOST = 1000
"""Entries of the folder that are looked at."""


def local_folder() -> Path:
    """Return the folder: LPT_BACKBONES, or `backbones` in the data folder of the platform."""
    named = os.environ.get("LPT_BACKBONES")
    if named:
        return Path(named).expanduser()
    return user_data_path("lpt", appauthor=False) / "backbones"


def find_local(name: str) -> Path | None:
    """Return the absolute path of the local backbone of a name; None if there is none.

    A local backbone is a folder with config.json. Its name is that of the folder, printable and
    without separators, so a name never leads out of the folder.
    """
    if not _may_be_name(name):
        return None
    try:
        folder = local_folder() / name
        return folder.absolute() if (folder / CONFIG).is_file() else None
    except (OSError, RuntimeError, ValueError):  # too long, or the home of an unknown user
        return None


def local_backbones() -> dict[str, Path]:
    """Return all local backbones by name, in alphabetical order; none if there is no folder."""
    try:
        with os.scandir(local_folder()) as entries:
            names = sorted(entry.name for entry, _ in zip(entries, range(_MOST), strict=False))
    except (OSError, RuntimeError):
        return {}
    found = {name: find_local(name) for name in names}
    return {name: path for name, path in found.items() if path is not None}


def _may_be_name(name: str) -> bool:
    try:
        check_name("backbone", name)
    except ConfigError:
        return False
    return name not in {".", ".."} and not {"@", "\\"} & set(name)
