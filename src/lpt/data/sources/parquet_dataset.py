"""Parquet files of images with labels, as data sets."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lpt.data.image_stores import FileStore, Strings
from lpt.data.parquet.parquet_limits import read_bounded
from lpt.data.parquet.parquet_reader import binary_columns, image_column, open_parquet, path_field
from lpt.data.sources.listed_files import FILE_ROLES, file_store
from lpt.data.sources.listing import Listing, SplitWords
from lpt.data.sources.table_columns import Column, Table
from lpt.data.sources.table_listing import LABELS, ROLES, entries_of, listing_of_entries
from lpt.errors import DataError

__all__ = ["is_parquet", "parquet_files", "read_parquet"]

_EMBED = "Its rows hold paths and no images: put the files there, or write it with the image bytes."


def is_parquet(path: Path) -> bool:
    """Whether a file name ends in .parquet, in letters of any case."""
    return path.suffix.lower() == ".parquet"


def parquet_files(folder: Path) -> list[Path]:
    """Find the Parquet files in a folder, or else in its subfolder `data`, sorted."""
    return _files_in(folder) or _files_in(folder / "data")


def read_parquet(
    files: Sequence[Path],
    *,
    root: Path,
    group_by: str | None = None,
    splits: SplitWords | None = None,
) -> Listing:
    """List the rows of Parquet files: image bytes, `label`, optionally `label_name` and `split`.

    Images are not read. Files that hold paths and no image bytes are read as lists are. Without a
    column `split`, a file name that begins with train, val, validation or test gives the split.
    Class names of a Hugging Face `ClassLabel` are used.

    Args:
        files: the files.
        root: folder that holds them.
        group_by: column of groups that must not be divided between splits.
        splits: words for splits; None takes the usual ones.
    Raises: DataError naming the file and the column or label that is missing or inconsistent.
    """
    splits = splits or SplitWords()
    where = str(root) if len(files) > 1 else str(files[0])
    opened = [open_parquet(path) for path in files]
    embedded = [_holds_images(file, path) for file, path in zip(opened, files, strict=True)]
    if any(embedded) != all(embedded):
        raise DataError(f"{files[embedded.index(False)]}: {_EMBED}")
    tables = [
        _table(path, file, group_by, image_column(file.schema_arrow, path) if images else None)
        for path, file, images in zip(files, opened, embedded, strict=True)
    ]
    _check_types(tables)
    parts = [
        entries_of(table, group_by=group_by, label_names=_label_names(file, table), word=word)
        for table, file, word in zip(tables, opened, splits.words_of(files), strict=True)
    ]
    sizes = [len(part.labels) for part in parts]
    if not sum(sizes):
        raise DataError(f"{where}: no rows. Download the data again.")
    if not all(embedded):
        stores = [
            file_store(table, path.parent, remedy=_EMBED)
            for table, path in zip(tables, files, strict=True)
        ]
        store = stores[0] if len(stores) == 1 else _joined(root, stores)
    else:
        store = FileStore.of_rows(root, files, sizes)
    return listing_of_entries(where, parts, store, splits)


def _holds_images(file: Any, path: Path) -> bool:
    """Whether a file holds image bytes, rather than paths of images only.

    It holds paths only if it has a column of paths and none of bytes, or if a struct that Hugging
    Face wrote has a path and no bytes in every row.
    """
    schema, metadata = file.schema_arrow, file.metadata
    names = Table.of_columns(str(path), [Column(name, []) for name in schema.names])
    if not binary_columns(schema) and names.find(*FILE_ROLES[0]) is not None:
        return False
    address = image_column(schema, path)
    if path_field(schema, address) is None:
        return True
    rows = (group.rows for group in file.footer.groups)
    nulls = file.footer.null_counts(address)
    if any(count is None or count < most for count, most in zip(nulls, rows, strict=True)):
        return True
    return not metadata.num_rows


def _files_in(folder: Path) -> list[Path]:
    found = folder.iterdir() if folder.is_dir() else ()
    return sorted(path for path in found if is_parquet(path) and not path.name.startswith("."))


def _table(path: Path, file: Any, group_by: str | None, image: str | None) -> Table:
    """Read the columns that describe images, not the one that holds them."""

    schema, where = file.schema_arrow, str(path)
    names = [name for name in schema.names if name != (image or "").removesuffix(".bytes")]
    every = Table.of_columns(where, [Column(name, []) for name in names])
    roles = ROLES if image else (*FILE_ROLES, *ROLES)
    wanted = [every.find(*role) for role in (*roles, (group_by or "",))]
    chosen = {column.name: column for column in wanted if column is not None}
    structs = [name for name in chosen if _holds_path(schema.field(name).type)]
    addresses = [f"{name}.path" if name in structs else name for name in chosen]
    read = read_bounded(file, path, addresses)
    for name in chosen:
        values = read.column(name)
        if name in structs:
            values = values.combine_chunks().field(0)
        every.columns[every.key(name)] = _column(name, values, where)
    return every


def _holds_path(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_struct(kind)) and kind.get_field_index("path") >= 0


def _column(name: str, values: Any, where: str) -> Column:
    import pyarrow as pa

    types, kind = pa.types, values.type
    inner = kind.value_type if types.is_dictionary(kind) else kind
    known = (
        *(types.is_string, types.is_large_string, types.is_string_view, types.is_null),
        *(types.is_integer, types.is_floating, types.is_boolean, types.is_decimal),
    )
    if not any(is_kind(inner) for is_kind in known):
        raise DataError(
            f"{where}: column {name!r} has the type {inner}. Store text or whole numbers in it."
        )
    items = values.to_pylist()
    if types.is_floating(inner) and not types.is_float64(inner):
        items = [None if item is None else np.float32(item) for item in items]
    return Column.of_values(name, items, where, str(inner))


def _check_types(tables: Sequence[Table]) -> None:
    """Refuse labels that are numbers in one file and text in another."""
    labels = [(table.where, table.find(*LABELS)) for table in tables]
    kinds = {
        "string" in column.kind: f"{column.kind} in {where}"
        for where, column in labels
        if column is not None
    }
    if len(kinds) > 1:
        raise DataError(
            f"{tables[0].where}: labels are {kinds[False]}, but {kinds[True]}. "
            "Store labels of one type."
        )


def _joined(root: Path, stores: Sequence[FileStore]) -> FileStore:
    """One store of the files of several."""
    paths = [str(store.root / path) for store in stores for path in store.paths]
    starts = np.cumsum([0, *(len(store.paths) for store in stores)])
    files = [store.file + start for store, start in zip(stores, starts, strict=False)]
    return FileStore(
        root,
        Strings(os.path.relpath(path, root) for path in paths),
        np.concatenate(files).astype(np.int32),
        np.concatenate([store.row for store in stores]),
    )


def _label_names(file: Any, table: Table) -> tuple[str, ...] | None:
    """Names from the `ClassLabel` in the metadata of a file that Hugging Face wrote."""
    label = table.find(*LABELS)
    try:
        info = json.loads((file.schema_arrow.metadata or {})[b"huggingface"])
        names = info["info"]["features"][label.name if label else ""]["names"]
    except (KeyError, TypeError, ValueError, RecursionError):
        return None
    return tuple(map(str, names)) if isinstance(names, list) else None
