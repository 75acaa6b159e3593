"""The files that a table of images names."""

import os
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lpt.data.image_stores import FileStore, Strings
from lpt.data.shards.row_reader import holds_rows, row_count
from lpt.data.sources.label_rules import integer_value
from lpt.data.sources.table_columns import Table, clean
from lpt.errors import DataError
from lpt.files.remote.remote_paths import RemotePath
from lpt.progress import listed

__all__ = ["FILE_ROLES", "check_present", "file_store"]

_PATHS = ("path", "file", "filename", "filepath", "image", "image_path")
FILE_ROLES = (_PATHS, ("row",))
"""Names of the columns that say where images are, the preferred name first."""


def file_store(table: Table, root: Path, *, remedy: str = "") -> FileStore:
    """Find the images of a table with the column `path` and optionally `row` of a file of rows.

    Outer blanks of a path count only if a file has them in its name.

    Args:
        table: the columns.
        root: folder of relative paths.
        remedy: a second line for errors.
    Raises: DataError naming a missing column or file, a path that leaves `root`, or a row out of
        range.
    """
    column, where = table.find(*_PATHS), table.where
    if column is None:
        raise table.lacks("path")
    column.complete(where)
    written = [_outside_checked(name, root, where) for name in dict.fromkeys(column.values)]
    found = dict(zip(written, check_present(where, root, written, remedy=remedy), strict=True))
    place: dict[str, int] = {}
    file = np.array(
        [place.setdefault(found[name], len(place)) for name in column.values], dtype=np.int32
    )
    distinct = list(place)
    row = _rows(table, len(file))
    lowest, highest = np.zeros((2, len(distinct)), dtype=np.int64)
    lowest[file] = highest[file] = row  # start from any row of the file
    np.minimum.at(lowest, file, row)
    np.maximum.at(highest, file, row)
    for name, low, high in zip(distinct, lowest, highest, strict=True):
        if holds_rows(name):
            size = row_count(root / name)
            if low < 0 or high >= size:
                raise DataError(
                    f"{where}: row {low if low < 0 else high} of {name}, which has rows 0 to "
                    f"{size - 1}. Give rows of that file in a column 'row'."
                )
        elif high >= 0:
            raise DataError(
                f"{where}: {name} has a row but is neither a Parquet file nor a tar shard. "
                "Leave the row empty."
            )
    return FileStore(root, Strings(distinct), file, row)


def check_present(
    where: object, root: Path, files: Sequence[str], *, remedy: str = ""
) -> list[str]:
    """Check that every file exists. Lists each folder once, which is faster than checking files.

    Args:
        where: the list, for messages.
        root: folder of relative paths.
        files: the paths in the list.
        remedy: a second line for errors.
    Returns: the paths as their folders have them: without outer blanks, and in the Unicode form of
        the file, unless a file is named just so.
    Raises: DataError naming the list, the first missing files and their number.
    """
    present: dict[str, dict[str, str]] = {}

    def on_disk(name: str) -> str | None:
        """The name as its folder has it, perhaps in another Unicode form."""
        folder, slash, base = name.rpartition("/")
        if folder not in present:
            present[folder] = _names_in(root / (folder or ("/" if name[:1] == "/" else ".")))
        names = present[folder]
        there = names.get(base, names.get(unicodedata.normalize("NFC", base)))
        return None if there is None else folder + slash + there

    found, missing = [], []
    for name in files:
        there = on_disk(name)
        if there is None and name != name.strip():
            there = on_disk(clean(name))
        if there is None:
            missing.append(name)
        else:
            found.append(there)
    if missing:
        one = len(missing) == 1
        raise DataError(
            f"{where}: names {listed([*map(repr, missing)])}, which {'is' if one else 'are'} not "
            f"in the folder {str(root)!r}. Restore the {'file' if one else 'files'}, remove the "
            f"{'line' if one else 'lines'}, or name the folder of the images: DIR:list=LIST.",
            *filter(None, (remedy,)),
        )
    return found


def _rows(table: Table, count: int) -> npt.NDArray[np.int64]:
    column = table.find("row")
    rows = np.full(count, -1, dtype=np.int64)
    wrong: dict[int, str] = {}
    for entry, text in enumerate(column.cleaned() if column else ()):
        value = integer_value(text)
        if text and (value is None or value[0] == "-" or len(value) > 18):
            wrong[entry + 1] = text
            continue
        if value is not None:
            rows[entry] = int(value)
    if wrong:
        entries = "entries" if len(wrong) > 1 else "entry"
        texts = listed(list(map(repr, wrong.values())))
        raise DataError(
            f"{table.where} {entries} {listed(list(wrong))}: a row is not a number from 0 up "
            f"({texts}). Correct the list."
        )
    return rows


def _outside_checked(name: str, root: Path, where: str) -> str:
    if ".." in name and _leaves(name):
        raise DataError(
            f"{where}: {name!r} is outside the folder {root}. "
            "Write absolute paths, or paths below that folder."
        )
    return name


def _leaves(name: str) -> bool:
    """Whether a relative path leads out of its starting folder."""
    path, depth = Path(name.strip()), 0
    for part in () if path.is_absolute() else path.parts:
        depth += -1 if part == ".." else 1
        if depth < 0:
            return True
    return False


def _names_in(folder: Path) -> dict[str, str]:
    """Names in a folder, as they are and with composed accents."""
    try:
        if isinstance(folder, RemotePath):
            names = [path.name for path in folder.iterdir()]
        else:
            with os.scandir(folder) as entries:
                names = [entry.name for entry in entries]
    except (OSError, ValueError):  # ValueError: NUL in the path
        return {}
    composed = {unicodedata.normalize("NFC", name): name for name in names if not name.isascii()}
    return composed | {name: name for name in names}
