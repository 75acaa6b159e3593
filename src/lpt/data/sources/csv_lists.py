"""CSV, TSV and text lists of images with labels."""

import csv
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from lpt.data.image_stores import FileStore, Strings
from lpt.data.parquet_reader import row_count
from lpt.data.sources.listing import Listing, canonical_split, class_indices
from lpt.errors import DataError

__all__ = ["LIST_SUFFIXES", "check_present", "read_list", "text_columns"]

LIST_SUFFIXES = frozenset({".csv", ".tsv", ".txt", ".lst"})

_COLUMNS = {
    "path": ("path", "file", "filename", "filepath", "image", "image_path"),
    "row": ("row",),
    "label": ("label", "class", "target"),
    "name": ("label_name", "class_name"),
    "split": ("split",),
}


def read_list(path: Path, *, root: Path | None = None, group_by: str | None = None) -> Listing:
    """Read a list of images.

    CSV and TSV lists have a header with `path` (or `file`) and `label`, optionally `label_name`,
    `split` and `row` (of a Parquet file). Text lists have a path and a label per line and no
    header. Labels are integers or names.

    Args:
        path: the list.
        root: folder of relative paths; None takes the folder of the list.
        group_by: column of groups that must not be divided between splits.
    Raises: DataError naming the list, the line and the fault: a missing column or value, a missing
        file, a row out of range, or a relative path that leaves `root`.
    """
    root = path.parent if root is None else root
    columns = text_columns(path) if path.suffix in (".txt", ".lst") else _table_columns(path)
    table = {key: _pick(columns, names) for key, names in _COLUMNS.items()}
    files, labels = table["path"], table["label"] if table["label"] is not None else table["name"]
    if files is None or labels is None:
        missing = "path" if files is None else "label"
        raise DataError(
            f"{path}: no column {missing!r} among {', '.join(columns)}. "
            "The header needs at least path,label."
        )
    if not files:
        raise DataError(f"{path}: the list names no images. Add lines below the header.")
    if group_by is not None and group_by not in columns:
        raise DataError(
            f"{path}: no column {group_by!r} to group by. Choose from {', '.join(columns)}."
        )
    for line, (file, label) in enumerate(zip(files, labels, strict=True), start=1):
        if not file or not label:
            raise DataError(f"{path} entry {line}: path or label is empty. Fill it in.")
    names = np.array(table["name"]) if table["name"] and table["label"] else None
    class_names, index, named = class_indices(np.array(labels), names, str(path))
    return Listing(
        name=str(path),
        class_names=class_names,
        named=named,
        store=_store(path, root, files, table["row"]),
        labels=index,
        splits=np.array([canonical_split(value) for value in table["split"] or [""] * len(files)]),
        groups=None if group_by is None else np.array(columns[group_by]),
    )


def _pick(columns: dict[str, list[str]], names: Sequence[str]) -> list[str] | None:
    return next((columns[name] for name in names if name in columns), None)


def _lines(path: Path) -> Iterator[str]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            yield from stream
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such list. Correct the path.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not a readable text file ({error}). Save it as UTF-8.") from error


def _table_columns(path: Path) -> dict[str, list[str]]:
    reader = csv.reader(_lines(path), delimiter="\t" if path.suffix == ".tsv" else ",")
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        rows = []
        for row in reader:
            if row and len(row) != len(header):
                raise DataError(
                    f"{path} line {reader.line_num}: {len(row)} values for {len(header)} columns. "
                    "Quote values that contain the separator."
                )
            if row:
                rows.append(row)
    except csv.Error as error:
        raise DataError(f"{path} line {reader.line_num}: {error}. Save it as plain CSV.") from error
    if not rows:
        return {name: [] for name in header}
    return dict(zip(header, map(list, zip(*rows, strict=True)), strict=True))


def text_columns(path: Path) -> dict[str, list[str]]:
    """Read the columns `path` and `label` of a text list, in which each line has both.

    Raises: DataError naming a line without a label.
    """
    files, labels = [], []
    for number, line in enumerate(_lines(path), start=1):
        parts = line.strip().rsplit(None, 1)
        if not parts:
            continue
        if len(parts) != 2:
            raise DataError(
                f"{path} line {number}: {parts[0]!r} has no label. Write a path and a label."
            )
        files.append(parts[0])
        labels.append(parts[1])
    return {"path": files, "label": labels}


def _store(path: Path, root: Path, files: list[str], rows: list[str] | None) -> FileStore:
    place: dict[str, int] = {}
    file = np.array([place.setdefault(name, len(place)) for name in files], dtype=np.int32)
    distinct = list(place)
    for name in distinct:
        if ".." in name and _leaves(Path(name)):
            raise DataError(
                f"{path}: {name!r} is outside the folder {root}. "
                "Write absolute paths, or paths below that folder."
            )
    check_present(path, root, distinct)
    row = np.full(len(files), -1, dtype=np.int64)
    if rows is not None and any(rows):
        try:
            row = np.array([int(value or -1) for value in rows], dtype=np.int64)
        except ValueError as error:
            raise DataError(
                f"{path}: a row is not a number ({error}). Correct the list."
            ) from error
    lowest, highest = np.zeros((2, len(distinct)), dtype=np.int64)
    lowest[file] = highest[file] = row  # start from any row of the file
    np.minimum.at(lowest, file, row)
    np.maximum.at(highest, file, row)
    for name, low, high in zip(distinct, lowest, highest, strict=True):
        if _is_parquet(name):
            size = row_count(root / name)
            if low < 0 or high >= size:
                raise DataError(
                    f"{path}: row {low if low < 0 else high} of {name}, which has rows 0 to "
                    f"{size - 1}. Give rows of that file in a column 'row'."
                )
        elif high >= 0:
            raise DataError(
                f"{path}: {name} has a row but is not a Parquet file. Leave the row empty."
            )
    return FileStore(root, Strings(distinct), file, row)


def _is_parquet(name: str) -> bool:
    return name.lower().endswith(".parquet")


def _leaves(path: Path) -> bool:
    """Whether a relative path leads out of its starting folder."""
    depth = 0
    for part in () if path.is_absolute() else path.parts:
        depth += -1 if part == ".." else 1
        if depth < 0:
            return True
    return False


def check_present(path: Path, root: Path, files: list[str]) -> None:
    """Check that every file exists. Lists each folder once, which is faster than checking files.

    Args:
        path: the list, for messages.
        root: folder of relative paths.
        files: the paths in the list.
    Raises: DataError naming the list and the first missing file.
    """
    present: dict[str, set[str]] = {}
    for name in files:
        folder, _, base = name.rpartition("/")
        if folder not in present:
            present[folder] = _names_in(root / (folder or ("/" if name[0] == "/" else ".")))
        if base not in present[folder]:
            raise DataError(
                f"{path}: names {name!r}, which is not in {root}. "
                "Restore the file, or remove the line."
            )


def _names_in(folder: Path) -> set[str]:
    try:
        with os.scandir(folder) as entries:
            return {entry.name for entry in entries}
    except OSError:
        return set()
