"""Tables of images, as read from lists and Parquet files, to listings."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lpt.data.image_stores import FileStore, ImageStore, Strings
from lpt.data.parquet_reader import row_count
from lpt.data.sources.label_rules import check_labels, class_indices, integer_value
from lpt.data.sources.listing import Listing, SplitWords
from lpt.data.sources.table_columns import Column, Table, clean, without_zeros
from lpt.errors import DataError

__all__ = [
    "LABELS",
    "PATHS",
    "ROLES",
    "Entries",
    "check_present",
    "entries_of",
    "file_store",
    "leaves",
    "listing_of_entries",
]

Names = npt.NDArray[np.str_]

PATHS = ("path", "file", "filename", "filepath", "image", "image_path")
LABELS = ("label", "labels", "fine_label", "class", "target")
_NAMES = ("label_name", "class_name")
ROLES = (PATHS, LABELS, _NAMES, ("split",), ("row",))
"""Names of the columns that are read, the preferred name first."""


@dataclass(frozen=True)
class Entries:
    """The normalised columns of a table.

    Attributes:
        labels: (n,) labels, none of which is empty or negative.
        names: (n,) names of the labels, or None.
        words: (n,) words for splits.
        words_in: where these words are, for messages.
        groups: (n,) groups, or None.
    """

    labels: Names
    names: Names | None
    words: list[str]
    words_in: str
    groups: Names | None


def entries_of(
    table: Table,
    *,
    group_by: str | None = None,
    label_names: Sequence[str] | None = None,
    word: str = "",
) -> Entries:
    """Normalise the columns `label`, `label_name`, `split` and that of groups.

    Args:
        table: the columns.
        group_by: column of groups that must not be divided between splits.
        label_names: names of the labels 0, 1, ..., if the format of the data has them.
        word: word for the split of all entries if the table has no column `split`.
    Raises: DataError naming the table, the column or entry, and the fault.
    """
    where, label, name = table.where, table.find(*LABELS), table.find(*_NAMES)
    if label is None and name is None:
        raise _no_column("label", table)
    labels = (label or name or Column("", [])).complete(where)
    check_labels(labels.tolist(), where)
    names = None
    if label is not None and name is not None:
        names = np.array(name.cleaned(where), dtype=np.str_)
    elif label_names is not None:
        names = _names_by_number(labels, label_names, where)
    elif label is None:
        names = labels  # names of classes, even where they look like numbers
    split, words, words_in = table.find("split"), [word] * len(labels), where
    if split is not None:
        words = [without_zeros(value) for value in split.cleaned(where)]
        words_in = f"{where}: column {clean(split.name)!r}"
        words_in += f" ({split.kind})" if split.kind else ""
    groups = None
    if group_by is not None:
        values = table.need(group_by, "to group by").complete(where)
        groups = np.array([without_zeros(value) for value in values.tolist()], dtype=np.str_)
    return Entries(labels, names, words, words_in, groups)


def listing_of_entries(
    name: str, parts: Sequence[Entries], store: ImageStore, splits: SplitWords
) -> Listing:
    """Make a listing of normalised tables.

    Args:
        name: the data, for messages.
        parts: the tables, in the order of the images of `store`.
        store: the images.
        splits: words for splits.
    Raises: DataError for labels or words that contradict each other.
    """
    if len({part.names is None for part in parts}) > 1:
        raise DataError(f"{name}: only some files have label names. Add them to all, or to none.")
    labels = np.concatenate([part.labels for part in parts])
    names = [part.names for part in parts if part.names is not None]
    groups = [part.groups for part in parts if part.groups is not None]
    numbered = all(integer_value(label) is not None for label in set(labels.tolist()))
    same = all(part.names is part.labels for part in parts)
    class_names, index, named = class_indices(
        labels, np.concatenate(names) if names and (numbered or not same) else None, name
    )
    return Listing(
        name=name,
        class_names=class_names,
        named=named,
        store=store,
        labels=index,
        splits=splits.splits(
            [word for part in parts for word in part.words],
            parts[0].words_in if len(parts) == 1 else name,
        ),
        groups=np.concatenate(groups) if groups else None,
    )


def file_store(table: Table, root: Path, *, remedy: str = "") -> FileStore:
    """Find the images of a table with the column `path` and optionally `row` of a Parquet file.

    Outer blanks of a path count only if a file has them in its name.

    Args:
        table: the columns.
        root: folder of relative paths.
        remedy: a second line for errors.
    Raises: DataError naming a missing column or file, a path that leaves `root`, or a row out of
        range.
    """
    column, where = table.find(*PATHS), table.where
    if column is None:
        raise _no_column("path", table)
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
        if name.lower().endswith(".parquet"):
            size = row_count(root / name)
            if low < 0 or high >= size:
                raise DataError(
                    f"{where}: row {low if low < 0 else high} of {name}, which has rows 0 to "
                    f"{size - 1}. Give rows of that file in a column 'row'."
                )
        elif high >= 0:
            raise DataError(
                f"{where}: {name} has a row but is not a Parquet file. Leave the row empty."
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
    Returns: the paths; those with outer blanks without them, unless a file has them in its name.
    Raises: DataError naming the list and the first missing file.
    """
    present: dict[str, set[str]] = {}

    def exists(name: str) -> bool:
        folder, _, base = name.rpartition("/")
        if folder not in present:
            present[folder] = _names_in(root / (folder or ("/" if name[:1] == "/" else ".")))
        return base in present[folder]

    found = []
    for name in files:
        if not exists(name):
            shorter = clean(name) if name != name.strip() else name
            if shorter == name or not exists(shorter):
                raise DataError(
                    f"{where}: names {name!r}, which is not in {root}. "
                    "Restore the file, or remove the line.",
                    *filter(None, (remedy,)),
                )
            name = shorter
        found.append(name)
    return found


def _no_column(name: str, table: Table) -> DataError:
    return DataError(
        f"{table.where}: no column {name!r} among {table.listed()}. "
        "The header needs at least path,label."
    )


def _names_by_number(labels: Names, label_names: Sequence[str], where: str) -> Names | None:
    """Names of integer labels; None if the labels are names already."""
    numbers = {label: integer_value(label) for label in set(labels.tolist())}
    if None in numbers.values():
        return None
    for number in numbers.values():
        if len(str(number)) > 9 or int(str(number)) >= len(label_names):
            raise DataError(
                f"{where}: label {number} with only {len(label_names)} class names in the file. "
                "Choose a split that has labels."
            )
    by_label = {label: label_names[int(str(number))] for label, number in numbers.items()}
    return np.array([by_label[label] for label in labels.tolist()], dtype=np.str_)


def _rows(table: Table, count: int) -> npt.NDArray[np.int64]:
    column = table.find("row")
    rows = np.full(count, -1, dtype=np.int64)
    for entry, text in enumerate(column.cleaned(table.where) if column else ()):
        value = integer_value(text)
        if text and (value is None or value[0] == "-" or len(value) > 18):
            raise DataError(
                f"{table.where} entry {entry + 1}: a row is not a number from 0 up ({text!r}). "
                "Correct the list."
            )
        if value is not None:
            rows[entry] = int(value)
    return rows


def _outside_checked(name: str, root: Path, where: str) -> str:
    if ".." in name and leaves(name):
        raise DataError(
            f"{where}: {name!r} is outside the folder {root}. "
            "Write absolute paths, or paths below that folder."
        )
    return name


def leaves(name: str) -> bool:
    """Whether a relative path leads out of its starting folder."""
    path, depth = Path(name.strip()), 0
    for part in () if path.is_absolute() else path.parts:
        depth += -1 if part == ".." else 1
        if depth < 0:
            return True
    return False


def _names_in(folder: Path) -> set[str]:
    try:
        with os.scandir(folder) as entries:
            return {entry.name for entry in entries}
    except (OSError, ValueError):  # ValueError: NUL in the path
        return set()
