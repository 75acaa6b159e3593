"""The identity of a file: its resolved path, however it is written."""

import os
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["resolved"]


def resolved(root: Path, names: Iterable[str]) -> list[str]:
    """Resolve the paths of files: absolute, links followed, no `..`.

    A name that its folder lacks is taken in its other Unicode form (é as one character or as two),
    if the folder has that. Each folder is listed once, which is faster than a look at each file.

    Args:
        root: folder of relative names.
        names: paths below `root`, or absolute ones; they need not exist.
    """
    folders: dict[str, _Listed] = {}
    found = []
    for name in names:
        parent, _, base = name.rpartition("/")
        if base in ("", ".", ".."):
            parent, base = name, ""
        if parent not in folders:
            folders[parent] = _listed(root / (parent or ("/" if name[:1] == "/" else ".")))
        found.append(folders[parent].file(base))
    return found


@dataclass(frozen=True)
class _Listed:
    """A resolved folder: names of its entries in every Unicode form, and its links."""

    path: str
    names: frozenset[str]
    forms: dict[str, str]
    links: frozenset[str]

    def file(self, base: str) -> str:
        if base not in self.names:
            base = self.forms.get(unicodedata.normalize("NFC", base), base)
        path = os.path.join(self.path, base) if base else self.path  # noqa: PTH118
        return os.path.realpath(path) if base in self.links else path


def _listed(folder: Path) -> _Listed:
    names, links = set(), set()
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                names.add(entry.name)
                if entry.is_symlink():
                    links.add(entry.name)
    except (OSError, ValueError):  # ValueError: NUL in the path
        pass
    forms = {unicodedata.normalize("NFC", n): n for n in names if not n.isascii()}
    try:
        real = os.path.realpath(folder)
    except (OSError, ValueError):
        real = str(folder)
    return _Listed(real, frozenset(names), forms, frozenset(links))
