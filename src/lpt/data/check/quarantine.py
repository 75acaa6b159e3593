"""Quarantine lists: which images training leaves out, in a CSV file that can be edited."""

import csv
import io
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

from lpt.data.check.check_result import CheckReport
from lpt.data.check.policy import spoiling_images, without_places
from lpt.data.file_identity import resolved
from lpt.data.image_stores import FileStore
from lpt.data.manifest import Manifest, Split
from lpt.errors import DataError
from lpt.escape import csv_text, printable, shortened
from lpt.files.atomic_files import write_text
from lpt.files.regular_files import read_regular
from lpt.progress import plural

__all__ = ["data_root", "relative_name", "without_quarantined", "write_quarantine"]

_MOST_BYTES = 2**30
_ROW = re.compile(r"(?P<file>.*\.parquet) row (?P<row>\d{1,18})", re.DOTALL | re.IGNORECASE)
_Places = dict[tuple[str, int | None], list[tuple[str, int]]]


def write_quarantine(report: CheckReport, manifest: Manifest, path: Path) -> int:
    """List the images that the policy "skip" would leave out as CSV (name, split, kind).

    Names below the data are relative to it, so the list is valid wherever the data lies. Training
    leaves out exactly what the list names, so it can be edited.

    Args:
        report: the result of the check.
        manifest: the data that was checked.
        path: the file to write.
    Returns: the number of images in the list.
    Raises: RunError if the file cannot be written.
    """
    bad, root = spoiling_images(report), data_root(manifest)
    rows = [
        {"name": relative_name(manifest.splits[split], index, root), "split": split, "kind": kind}
        for (split, index), kind in bad.items()
    ]
    columns = ("name", "split", "kind")
    write_text(path, csv_text(rows, columns, paths=["name"], exact=["name", "split"]))
    return len(bad)


def without_quarantined(
    manifest: Manifest, path: Path, *, notice: Callable[[str], None] | None = None
) -> Manifest:
    """Leave out the images that a quarantine list names.

    A relative name starts from the data, or else from the folder of the data, of the list, or the
    current one; the first that gives an image of the data counts. Files are compared by their
    resolved path. The split matters only for an image that is in several splits, so a list made of
    unsplit data stays valid however the data is split later.

    Args:
        manifest: the data.
        path: the list: UTF-8, with or without a byte order mark, any line endings.
        notice: called with one line on names that are not in the data.
    Raises: DataError if the list cannot be read, has no column `name`, or names no image of the
        data (then it belongs to other data).
    """
    rows = _rows(path)
    known = _places(manifest)
    wanted: defaultdict[tuple[str, int], set[str]] = defaultdict(set)
    unknown: list[str] = []
    for name, split, candidates in _candidates(manifest, path, rows):
        key = next((candidate for candidate in candidates if candidate in known), None)
        if key is None:
            unknown.append(name)
            continue
        for place in known[key]:
            wanted[place].add(split)
    bad = {
        place
        for places in known.values()
        for place in places
        if place in wanted
        and (len({split for split, _ in places}) == 1 or wanted[place] & {place[0], ""})
    }
    if rows and not bad:
        raise DataError(
            f"{path}: none of its {plural(len(rows), 'image')} is in {manifest.name}. Give the "
            "list made for this data."
        )
    if unknown and notice is not None:
        shown = ", ".join(shortened(printable(name), 80) for name in unknown[:3])
        more = f" and {len(unknown) - 3:,} more" if unknown[3:] else ""
        notice(
            f"{printable(str(path))}: {len(unknown):,} of its {len(rows):,} names "
            f"{'is' if len(unknown) == 1 else 'are'} not in the data: {shown}{more}"
        )
    return without_places(manifest, bad)


def relative_name(part: Split, index: int, root: Path | None) -> str:
    """Return the name of an image in a quarantine list.

    It is relative to the folder of the data; images from elsewhere keep their full path.

    Args:
        root: as `data_root` returns it.
    """
    ref = part.ref(index)
    if root is None or not isinstance(part.store, FileStore):
        return str(ref)
    path = ref.path.absolute()
    near = path.is_relative_to(root.absolute())
    name = str(path.relative_to(root.absolute()) if near else path)
    return name if ref.row is None else f"{name} row {ref.row}"


def data_root(manifest: Manifest) -> Path | None:
    """Return the folder of the data: that of the first split whose images are files."""
    stores = (split.store for split in manifest.splits.values())
    return next((store.root for store in stores if isinstance(store, FileStore)), None)


def _rows(path: Path) -> list[tuple[str, str]]:
    try:
        text = read_regular(path, _MOST_BYTES).decode("utf-8-sig", "surrogateescape")
        reader = csv.DictReader(io.StringIO(text, newline=""))
        reader.fieldnames = [name.strip().lower() for name in reader.fieldnames or ()]
        rows = [(row["name"], (row.get("split") or "").strip()) for row in reader]
    except (csv.Error, KeyError, TypeError) as error:
        raise DataError(
            f"{path}: not a quarantine list ({error}). It needs the columns name and split."
        ) from error
    return [(name, split) for name, split in rows if name]


def _places(manifest: Manifest) -> _Places:
    """Images of the data by resolved path and row; those that are not files by their name."""
    places: _Places = defaultdict(list)
    for name, split in manifest.splits.items():
        store = split.store
        if not isinstance(store, FileStore):
            for index in range(len(split)):
                places[split.name_of(index), None].append((name, index))
            continue
        paths = resolved(store.root, store.paths)
        for index, position in enumerate(split.positions):
            row = int(store.row[position])
            key = (paths[int(store.file[position])], None if row < 0 else row)
            places[key].append((name, index))
    return places


def _candidates(
    manifest: Manifest, path: Path, rows: list[tuple[str, str]]
) -> Iterator[tuple[str, str, list[tuple[str, int | None]]]]:
    """Yield each row with the images that its name can mean, the likeliest first."""
    stores = [s.store for s in manifest.splits.values() if isinstance(s.store, FileStore)]
    roots = dict.fromkeys(store.root.absolute() for store in stores)
    bases = [*roots, *(root.parent for root in roots), path.absolute().parent, Path.cwd()]
    files, numbers = [], []
    for name, _ in rows:
        match = _ROW.fullmatch(name)
        files.append(match["file"] if match else name)
        numbers.append(int(match["row"]) if match else None)
    found = [resolved(base, files) for base in dict.fromkeys(bases)]
    for position, (name, split) in enumerate(rows):
        keys = [(paths[position], numbers[position]) for paths in found]
        yield name, split, [(name, None), *keys]
