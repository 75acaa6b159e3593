"""CSV, TSV and text lists of images with labels."""

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from lpt.data.sources.listed_files import FILE_ROLES, file_store
from lpt.data.sources.listing import Listing, SplitWords
from lpt.data.sources.table_columns import Column, Table
from lpt.data.sources.table_listing import entries_of, listing_of_entries
from lpt.errors import DataError
from lpt.files.regular_files import open_regular
from lpt.progress import listed

__all__ = ["LIST_SUFFIXES", "read_list", "text_table"]

LIST_SUFFIXES = frozenset({".csv", ".tsv", ".txt", ".lst"})

_MOST_BYTES = 2 * 2**30


def read_list(
    path: Path,
    *,
    root: Path | None = None,
    group_by: str | None = None,
    splits: SplitWords | None = None,
) -> Listing:
    """Read a list of images.

    CSV and TSV lists have a header with `path` (or `file`) and `label`, optionally `label_name`,
    `split` and `row` (of a Parquet file). Text lists have a path and a label per line and no
    header. Labels are integers or names. All rules: docs/data.md.

    Args:
        path: the list.
        root: folder of relative paths; None takes the folder of the list.
        group_by: column of groups that must not be divided between splits.
        splits: words for splits; None takes the usual ones.
    Raises: DataError naming the list, the entry and the fault: a missing column or value, a missing
        file, a row out of range, or a relative path that leaves `root`.
    """
    if not path.exists():
        raise DataError(f"{path}: no such list. Correct the path.")
    is_text = path.suffix.lower() in (".txt", ".lst")
    table = text_table(path) if is_text else _table(path)
    remedy = _check_encoding(path, table)
    if not all(column.values for column in table.columns.values()):
        raise DataError(f"{path}: the list names no images. Add lines below the header.")
    entries = entries_of(table, group_by=group_by)
    store = file_store(table, path.parent if root is None else root, remedy=remedy)
    return listing_of_entries(str(path), [entries], store, splits or SplitWords())


def text_table(path: Path) -> Table:
    """Read the columns `path` and `label` of a text list, in which each line has both.

    The label follows the last tab, or the last blank of a line without tabs.

    Raises: DataError naming the lines without a label.
    """
    files, labels, bare = [], [], []
    for number, line in enumerate(_lines(path), start=1):
        text = line.strip()
        parts = text.rsplit("\t" if "\t" in text else None, 1)
        if not parts or not text:
            continue
        if len(parts) != 2:
            bare.append(number)
            continue
        files.append(parts[0])
        labels.append(parts[1])
    if bare:
        has = "has" if len(bare) == 1 else "have"
        raise DataError(f"{_at(path, bare)}: {has} no label. Write a path and a label.")
    return Table.of_columns(str(path), [Column("path", files), Column("label", labels)])


def _at(path: Path, numbers: Sequence[int]) -> str:
    return f"{path} line{'s' if len(numbers) > 1 else ''} {listed(numbers)}"


def _lines(path: Path) -> Iterator[str]:
    try:
        with (
            open_regular(path, max_bytes=_MOST_BYTES) as stream,
            io.TextIOWrapper(
                stream, encoding="utf-8-sig", errors="surrogateescape", newline=""
            ) as text,
        ):
            yield from text
    except OSError as error:
        raise DataError(f"{path}: not a readable text file ({error}). Save it as UTF-8.") from error


def _table(path: Path) -> Table:
    reader = csv.reader(_lines(path), delimiter="\t" if path.suffix.lower() == ".tsv" else ",")
    rows: list[list[str]] = []
    uneven: list[tuple[int, int]] = []  # line, number of values
    try:
        header = next(reader, [])
        for row in reader:
            if not any(value.strip() for value in row):  # spreadsheets leave such rows at the end
                continue
            if len(row) != len(header):
                uneven.append((reader.line_num, len(row)))
                continue
            rows.append(row)
    except csv.Error as error:
        raise DataError(f"{path} line {reader.line_num}: {error}. Save it as plain CSV.") from error
    if uneven:
        values_of = " or ".join(str(n) for n in sorted({size for _, size in uneven})[:3])
        raise DataError(
            f"{_at(path, [line for line, _ in uneven])}: {values_of} values for "
            f"{len(header)} columns. Quote values that contain the separator."
        )
    values = list(map(list, zip(*rows, strict=True))) or [[] for _ in header]
    return Table.of_columns(str(path), map(Column, header, values))


def _check_encoding(path: Path, table: Table) -> str:
    """Check that only paths hold bytes that are not UTF-8, as names of files may.

    Returns: a remedy in case that such a path leads to no file.
    Raises: DataError naming another column with such bytes.
    """
    remedy = ""
    for name, column in table.columns.items():
        valid = [_is_text(text) for text in (column.name, *column.values)]
        if all(valid):
            continue
        if name not in FILE_ROLES[0] or not valid[0]:
            raise DataError(
                f"{path}: not a readable text file (column {column.name!r} is not UTF-8, entry "
                f"{valid.index(False)}). Save it as UTF-8."
            )
        remedy = "The list is not UTF-8; save it as UTF-8 if the names of the files are."
    return remedy


def _is_text(text: str) -> bool:
    return text.isascii() or text.isprintable() or not any("\udc80" <= c <= "\udcff" for c in text)
