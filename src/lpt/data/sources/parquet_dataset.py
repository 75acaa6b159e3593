"""Parquet files of images with labels, as data sets."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lpt.data.image_stores import FileStore, Strings
from lpt.data.parquet_limits import read_bounded
from lpt.data.parquet_reader import image_column, open_parquet
from lpt.data.sources.listing import Listing, canonical_split, class_indices
from lpt.errors import DataError

__all__ = ["parquet_files", "read_parquet"]

_LABELS = ("label", "labels", "fine_label", "target", "class")
_NAMES = ("label_name", "class_name")


def parquet_files(folder: Path) -> list[Path]:
    """Find the Parquet files in a folder, or else in its subfolder `data`, sorted."""
    return sorted(folder.glob("*.parquet")) or sorted(folder.glob("data/*.parquet"))


def read_parquet(files: Sequence[Path], *, root: Path, group_by: str | None = None) -> Listing:
    """List the rows of Parquet files: image bytes, `label`, optionally `label_name` and `split`.

    Images are not read. Without a column `split`, a file name that begins with train, val,
    validation or test gives the split. A split with any other name (such as `all`) means that the
    images are not split yet. Class names of a Hugging Face `ClassLabel` are used.

    Raises: DataError naming the file and the column or label that is missing or inconsistent.
    """
    parts = [_read_one(path, group_by) for path in files]
    where = str(root) if len(files) > 1 else str(files[0])
    named = {part["names"] is not None for part in parts}
    if len(named) > 1:
        raise DataError(f"{where}: only some files have label names. Add them to all, or to none.")
    labels = np.concatenate([part["labels"] for part in parts])
    if len(labels) == 0:
        raise DataError(f"{where}: no rows. Download the data again.")
    names = np.concatenate([part["names"] for part in parts]) if named == {True} else None
    class_names, index, real = class_indices(labels, names, where)
    sizes = [len(part["labels"]) for part in parts]
    store = FileStore(
        root,
        Strings(str(path.relative_to(root)) for path in files),
        np.repeat(np.arange(len(files), dtype=np.int32), sizes),
        np.concatenate([np.arange(size, dtype=np.int64) for size in sizes]),
    )
    return Listing(
        name=where,
        class_names=class_names,
        named=real,
        store=store,
        labels=index,
        splits=np.concatenate([part["splits"] for part in parts]),
        groups=None if group_by is None else np.concatenate([part["groups"] for part in parts]),
    )


def _read_one(path: Path, group_by: str | None) -> dict[str, Any]:
    file = open_parquet(path)
    schema = file.schema_arrow
    image_column(schema, path)
    label = next((name for name in _LABELS if name in schema.names), None)
    name = next((column for column in _NAMES if column in schema.names), None)
    if label is None and name is None:
        raise DataError(
            f"{path}: no column 'label' among {', '.join(schema.names)}. "
            "Add one with integers or names."
        )
    wanted = [c for c in (label, name, "split", group_by) if c is not None and c in schema.names]
    if group_by is not None and group_by not in schema.names:
        raise DataError(
            f"{path}: no column {group_by!r} to group by. Choose from {', '.join(schema.names)}."
        )
    table = read_bounded(file, path, wanted)
    labels = _values(table, label or str(name), path)
    names = _values(table, name, path).astype(np.str_) if label and name else None
    if names is None and label and np.issubdtype(labels.dtype, np.integer):
        names = _class_label_names(schema, label, labels, path)
    if "split" in wanted:
        splits = np.array([canonical_split(value) for value in _values(table, "split", path)])
    else:
        splits = np.full(len(labels), _split_of(path))
    groups = _values(table, group_by, path).astype(np.str_) if group_by else None
    return {
        "labels": labels,
        "names": names,
        "splits": splits.astype("<U5"),
        "groups": groups,
    }


def _split_of(path: Path) -> str:
    match = re.match(r"[A-Za-z]+", path.stem)
    return canonical_split(match[0]) if match else ""


def _values(table: Any, column: str, path: Path) -> npt.NDArray[Any]:
    values = table.column(column)
    if values.null_count:
        raise DataError(f"{path}: column {column!r} has {values.null_count} nulls. Fill them in.")
    return np.asarray(values.to_numpy())


def _class_label_names(
    schema: Any, label: str, labels: npt.NDArray[Any], path: Path
) -> npt.NDArray[np.str_] | None:
    """Names from the `ClassLabel` in the metadata of a file that Hugging Face wrote."""
    try:
        info = json.loads((schema.metadata or {})[b"huggingface"])
        names: list[str] = info["info"]["features"][label]["names"]
    except (KeyError, TypeError, ValueError):
        return None
    if len(labels) and (labels.min() < 0 or labels.max() >= len(names)):
        raise DataError(
            f"{path}: label {labels.min() if labels.min() < 0 else labels.max()} with only "
            f"{len(names)} class names in the file. Choose a split that has labels."
        )
    return np.array([names[number] for number in labels], dtype=np.str_)
