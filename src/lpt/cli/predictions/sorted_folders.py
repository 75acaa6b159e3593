"""Images sorted into a folder per predicted class, as links or copies."""

import errno
import hashlib
import os
import shutil
import stat
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from lpt.errors import RunError
from lpt.escape import printable
from lpt.files.atomic_files import UNFINISHED, check_writable
from lpt.files.regular_files import open_regular

__all__ = ["NOT_SURE", "SortedFolders", "folder_names"]

NOT_SURE = "not sure"
"""Folder of the images whose confidence is below the threshold."""

_LONGEST = 100  # bytes of a folder's name, before its number
_LONGEST_FILE = 255  # bytes of a file's name in all usual file systems
_FORBIDDEN = frozenset('/\\:*?"<>|')
_RESERVED = frozenset(
    {"con", "prn", "aux", "nul", *(f"{kind}{n}" for kind in ("com", "lpt") for n in range(10))}
)
_SAME = 2**20  # bytes of two files that are compared at a time


def folder_names(class_names: Sequence[str]) -> list[str]:
    r"""Return the name of a folder for each class, safe on every system, all different.

    >>> folder_names(["wren", "../x", "", "Wren", "not sure"])
    ['wren', '_._x', '_', 'Wren-3', 'not sure-4']
    """
    taken, names = {NOT_SURE.casefold()}, []
    for number, class_name in enumerate(class_names):
        name = _safe(class_name)
        while _key(name) in taken:
            name = f"{_safe(class_name)}-{number}" if name == _safe(class_name) else f"{name}_"
        taken.add(_key(name))
        names.append(name)
    return names


class SortedFolders:
    """Puts images into folders below one folder; replaces nothing and leaves no other place.

    Args:
        root: the folder; created if missing.
        class_names: (C,) names of the classes.
        copy: copy the images instead of linking to them.
    Raises: RunError if the folder cannot be written.
    """

    def __init__(self, root: Path, class_names: Sequence[str], *, copy: bool = False) -> None:
        check_writable(root)
        root.mkdir(parents=True, exist_ok=True)
        self.root = root
        self.copy = copy
        self._names = dict(zip(class_names, folder_names(class_names), strict=True))

    def put(self, path: str, label: str | None) -> None:
        """Put an image into the folder of a class, or into "not sure" for None.

        An image that is there already is left as it is. If another file has its name, a hash of its
        path is added to the name.

        Raises: RunError if it cannot be put there.
        """
        folder = self.root / (NOT_SURE if label is None else self._names[label])
        name, source = Path(path).name, os.path.abspath(path)  # noqa: PTH100 - keeps links
        digest = hashlib.sha256(os.fsencode(source)).hexdigest()[:12]
        stem, dot, kind = name.rpartition(".")
        other = f"{stem}-{digest}.{kind}" if stem and dot else f"{name}-{digest}"
        other = other if len(os.fsencode(other)) <= _LONGEST_FILE else digest
        try:
            folder.mkdir(exist_ok=True)
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                if not any(self._placed(source, one, handle) for one in (name, other)):
                    raise FileExistsError(errno.EEXIST, f"{name} and {other} exist")
            finally:
                os.close(handle)
        except OSError as error:
            raise RunError(
                f"{folder}: {printable(path)} cannot be put there ({error.strerror}). "
                "Choose another folder, or remove what is in the way."
            ) from error

    def _placed(self, source: str, name: str, folder: int) -> bool:
        """Whether the image is now at a name; not if something else is."""
        if self.copy:
            return _copied(source, name, folder)
        try:
            os.symlink(source, name, dir_fd=folder)
        except FileExistsError:
            try:
                return os.readlink(name, dir_fd=folder) == source
            except OSError:
                return False
        return True


def _copied(source: str, name: str, folder: int) -> bool:
    temporary = f".{hashlib.sha256(os.fsencode(name)).hexdigest()[:16]}{UNFINISHED}"
    flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    with open_regular(source) as content:
        try:
            there = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
        except FileNotFoundError:
            pass
        except OSError:  # a link
            return False
        else:
            with os.fdopen(there, "rb") as old:
                if not stat.S_ISREG(os.fstat(there).st_mode):
                    return False
                while piece := content.read(_SAME):
                    if old.read(len(piece)) != piece:
                        return False
                return not old.read(1)
        with os.fdopen(os.open(temporary, flags, 0o644, dir_fd=folder), "wb") as target:
            shutil.copyfileobj(content, target)
    try:
        os.link(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)  # replaces nothing
    finally:
        os.unlink(temporary, dir_fd=folder)
    return True


def _key(name: str) -> str:
    """What two names share that are one on systems which ignore case or compose letters."""
    return unicodedata.normalize("NFC", name).casefold()


def _safe(class_name: str) -> str:
    shown = (c if c.isprintable() and c not in _FORBIDDEN else "_" for c in class_name)
    name = "".join(shown).strip()
    name = name.encode("utf-8", "replace")[:_LONGEST].decode("utf-8", "ignore").rstrip(". ")
    if name.startswith((".", "-")):
        name = f"_{name[1:]}"
    if not name or name.partition(".")[0].casefold() in _RESERVED:
        name = f"{name}_"
    return name
