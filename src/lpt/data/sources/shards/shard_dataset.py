"""Tar shards in the convention of WebDataset, as data sets."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

from lpt.data.image_stores import FileStore
from lpt.data.image_tree import ImageTree
from lpt.data.images.formats import SUFFIXES
from lpt.data.shards.row_reader import is_shard
from lpt.data.shards.shard_index import shard_samples
from lpt.data.shards.shard_samples import (
    CLASSES_FILE,
    LABEL_NAME,
    MOST_CLASSES_BYTES,
    Samples,
    shown_key,
)
from lpt.data.sources.listing import Listing, SplitWords
from lpt.data.sources.shards.shard_names import expanded, is_pattern
from lpt.data.sources.table_columns import Column, Table, TableWords
from lpt.data.sources.table_listing import entries_of, listing_of_entries
from lpt.errors import DataError
from lpt.files.regular_files import read_regular
from lpt.files.remote.remote_paths import is_remote

__all__ = ["read_shards", "shard_files"]

_AT_ONCE = 8  # shards in object storage that are indexed at the same time


def shard_files(path: Path) -> list[Path]:
    """Return the shards that a path means: one, those of a pattern, or those of a folder.

    A folder on this machine that holds other folders, or images, is not one of shards.

    Raises: DataError for a pattern that names no files.
    """
    if is_pattern(path.name) and (is_remote(path) or not path.is_file()):
        return expanded(path)
    if is_shard(path):
        return [path]
    if is_remote(path):
        names = [one.name for one in path.iterdir()]
    else:
        inside = ImageTree(path).entries(path) if path.is_dir() else None
        names = [] if inside is None or inside.folders else list(inside.files)
        if any(Path(name).suffix.lower() in SUFFIXES for name in names):
            return []
    return [path / name for name in sorted(names) if is_shard(Path(name)) and name[0] != "."]


def read_shards(
    files: Sequence[Path],
    *,
    root: Path,
    group_by: str | None = None,
    splits: SplitWords | None = None,
) -> Listing:
    """List the images of tar shards; the images are not read.

    A shard has an image `KEY.jpg` (or `.png`, `.webp`, ...) beside its label: `KEY.cls`, or `label`
    in `KEY.json`. Names of integer labels are the lines of `classes.txt`, a member or a file beside
    the shards. A file name that begins with train, val, validation or test gives the split.

    Args:
        files: the shards.
        root: folder that holds them.
        group_by: name in the JSON of groups that must not be divided between splits.
        splits: words for splits; None takes the usual ones.
    Raises: DataError naming the shard and what is wrong in it.
    """
    splits = splits or SplitWords()
    where = str(root) if len(files) > 1 else str(files[0])
    index = partial(shard_samples, group_by=group_by)
    if is_remote(root):
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            found = list(pool.map(index, files))
    else:
        found = list(map(index, files))
    if not any(samples.names for samples in found):
        raise DataError(
            f"{where}: no images with labels in it. Name the members 0001.jpg and 0001.cls, or "
            "0001.json with a label."
        )
    pairs = [(path, some) for path, some in zip(files, found, strict=True) if some.names]
    names = _class_names(root, files, found)
    parts = [
        entries_of(_table(path, samples), group_by=group_by, label_names=names, word=word)
        for (path, samples), word in zip(
            pairs, splits.words_of([path for path, _ in pairs]), strict=True
        )
    ]
    store = FileStore.of_rows(
        root, [path for path, _ in pairs], [len(samples.names) for _, samples in pairs]
    )
    listing = listing_of_entries(where, parts, store, splits)
    return replace(listing, notes=(*listing.notes, *_notes(found)))


def _table(path: Path, samples: Samples) -> Table:
    where = str(path)
    columns = [
        Column.of_values(name, values, where)
        for name, values in samples.columns.items()
        if name != LABEL_NAME or any(value is not None for value in values)
    ]
    words = TableWords("row", "rows", 0, column="", name=lambda row: shown_key(samples.names[row]))
    return Table.of_columns(where, columns, words)


def _class_names(
    root: Path, files: Sequence[Path], found: Sequence[Samples]
) -> tuple[str, ...] | None:
    """The lines of `classes.txt` beside the shards or in them; None if there is none."""
    texts = {s.classes: str(path) for path, s in zip(files, found, strict=True) if s.classes}
    beside = root / CLASSES_FILE
    if beside.exists():
        data = read_regular(beside, MOST_CLASSES_BYTES)
        try:
            texts[data.decode("utf-8-sig")] = str(root)
        except UnicodeDecodeError as error:
            raise DataError(f"{beside}: is not UTF-8. Save it as UTF-8.") from error
    if not texts:
        return None
    lists = {tuple(map(str.strip, text.rstrip().splitlines())): at for text, at in texts.items()}
    if len(lists) > 1:
        one, other = list(lists.values())[:2]
        raise DataError(f"{root}: {CLASSES_FILE} of {one} and of {other} differ. Keep one of them.")
    return next(iter(lists))


def _notes(found: Sequence[Samples]) -> tuple[str, ...]:
    notes = []
    if left_out := sum(samples.left_out for samples in found):
        notes.append(f"note      {left_out:,} labels in tar shards have no image")
    if dotted := sum(samples.dotted for samples in found):
        example = next(samples.example for samples in found if samples.example)
        notes.append(
            f"note      {dotted:,} members of tar shards are not read, since their names have "
            f"two dots: {example}"
        )
    return tuple(notes)
