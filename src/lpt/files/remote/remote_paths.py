"""Paths of files in object storage, which are used like those of local files.

Nothing is imported for them, and no request is made, until a file is looked at.
"""

import re
import stat
from collections.abc import Generator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from lpt.errors import DataError
from lpt.files.remote.schemes import PACKAGES

__all__ = ["RemotePath", "is_remote", "place"]

_ADDRESS = re.compile(r"([a-z0-9]+)://?(?=[^/])")  # a path has one of the two slashes only

if TYPE_CHECKING:
    _Local = Path
else:
    _Local = type(Path())


class RemotePath(_Local):
    """The path of an object, or of the objects whose names begin with it.

    Joining, parents, names and suffixes are those of `pathlib`; as text it is the address.

    >>> RemotePath("s3://bucket/birds") / "a.parquet"
    RemotePath('s3://bucket/birds/a.parquet')
    """

    def __str__(self) -> str:
        head, *rest = self.parts or ("",)
        return f"{head}//{'/'.join(rest)}" if head[:-1] in PACKAGES else super().__str__()

    def __fspath__(self) -> str:
        return str(self)

    def __repr__(self) -> str:
        return f"RemotePath({str(self)!r})"

    def stat(self, *, follow_symlinks: bool = True) -> Any:  # noqa: ARG002
        """Size, and a number for the version in place of a time. Raises: DataError."""
        from lpt.files.remote.object_storage import state_of

        size, version = state_of(str(self))
        return SimpleNamespace(st_size=size, st_mtime_ns=version, st_mode=stat.S_IFREG)

    def exists(self, **_: Any) -> bool:
        """Whether there is such an object, or are objects below. Raises: DataError."""
        from lpt.files.remote.object_storage import kind_of

        return kind_of(str(self)) is not None

    def is_file(self, **_: Any) -> bool:
        """Whether it is an object. Raises: DataError."""
        from lpt.files.remote.object_storage import kind_of

        return kind_of(str(self)) == "file"

    def is_dir(self, **_: Any) -> bool:
        """Whether objects have names that begin with it. Raises: DataError."""
        from lpt.files.remote.object_storage import kind_of

        return kind_of(str(self)) == "directory"

    def iterdir(self) -> Generator["RemotePath", None, None]:
        """The objects and folders directly below. Raises: DataError."""
        from lpt.files.remote.object_storage import names_in

        yield from (self / name for name in names_in(str(self)))

    def open_ranges(self) -> BinaryIO:
        """Open the object; what is read is fetched by byte ranges. Raises: DataError."""
        from lpt.files.remote.byte_ranges import RangeStream

        return cast(BinaryIO, RangeStream(str(self)))

    def absolute(self) -> "RemotePath":
        """The path itself, as of `resolve` and `expanduser`."""
        return self

    def resolve(self, strict: bool = False) -> "RemotePath":  # noqa: ARG002
        """The path itself."""
        return self

    def expanduser(self) -> "RemotePath":
        """The path itself."""
        return self


def is_remote(text: str | Path) -> bool:
    """Whether a text is an address in object storage, or its path, which has lost a slash.

    >>> is_remote("s3://bucket/birds"), is_remote(Path("s3://bucket/birds")), is_remote("hf:a/b")
    (True, True, False)
    """
    found = _ADDRESS.match(str(text))
    return found is not None and found[1] in PACKAGES


def place(text: str | Path) -> Path:
    """Return the path of a text; `~` is the home folder.

    Raises: DataError for an address with `..`.
    """
    if not is_remote(text):
        return Path(text).expanduser()
    found = RemotePath(text)
    if ".." in found.parts or "?" in str(text) or "#" in str(text):
        raise DataError(f"{text}: an address has no '..', '?' or '#'. Correct it.")
    return found
