"""Images that a list names, found in the data however the list and the data are spelled."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from lpt.data.file_identity import resolved
from lpt.data.image_stores import FileStore
from lpt.data.manifest import Manifest, Split
from lpt.escape import printable, shortened

__all__ = ["Place", "data_root", "find_listed", "relative_name", "unknown_names"]

_ROW = re.compile(r"(?P<file>.*\.(?:parquet|tar)) row (?P<row>\d{1,18})", re.DOTALL | re.IGNORECASE)
_MOST_SHOWN, _LONGEST_SHOWN = 3, 80

Place = tuple[str, int]
"""Name of a split, and position of an image in it."""

_Places = dict[tuple[str, int | None], list[Place]]


def find_listed(
    manifest: Manifest, path: Path, rows: Sequence[tuple[str, str]]
) -> list[tuple[Place, ...] | None]:
    """Find the images that the rows of a list name.

    A relative name starts from the data, or else from the folder of the data, of the list, or the
    current one; the first that gives an image of the data counts. Files are compared by their
    resolved path. The split matters only for an image that is in several splits, so a list made of
    unsplit data stays valid however the data is split later.

    Args:
        manifest: the data.
        path: the list.
        rows: name and split of each row; the split may be "".
    Returns: for each row its images: one, or one in each split of an image without a split; none
        if it is in other splits only; None if it is not in the data.
    """
    known = _places(manifest)
    found: list[tuple[Place, ...] | None] = []
    for (_, split), candidates in zip(rows, _candidates(manifest, path, rows), strict=True):
        key = next((candidate for candidate in candidates if candidate in known), None)
        if key is None:
            found.append(None)
            continue
        places = known[key]
        several = len({name for name, _ in places}) > 1
        found.append(tuple(p for p in places if not several or split in (p[0], "")))
    return found


def unknown_names(path: Path, names: Sequence[str], of: int) -> str:
    """Return a line on names of a list that are not in the data.

    Args:
        path: the list.
        names: those names.
        of: number of names in the list.
    """
    shown = ", ".join(shortened(printable(name), _LONGEST_SHOWN) for name in names[:_MOST_SHOWN])
    rest = len(names) - _MOST_SHOWN
    more = f" and {rest:,} more" if rest > 0 else ""
    return (
        f"{printable(str(path))}: {len(names):,} of its {of:,} names "
        f"{'is' if len(names) == 1 else 'are'} not in the data: {shown}{more}"
    )


def relative_name(part: Split, index: int, root: Path | None) -> str:
    """Return the name of an image in a list of images.

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
    manifest: Manifest, path: Path, rows: Sequence[tuple[str, str]]
) -> Iterator[list[tuple[str, int | None]]]:
    """Yield the images that the name of each row can mean, the likeliest first."""
    stores = [s.store for s in manifest.splits.values() if isinstance(s.store, FileStore)]
    roots = dict.fromkeys(store.root.absolute() for store in stores)
    bases = [*roots, *(root.parent for root in roots), path.absolute().parent, Path.cwd()]
    files, numbers = [], []
    for name, _ in rows:
        match = _ROW.fullmatch(name)
        files.append(match["file"] if match else name)
        numbers.append(int(match["row"]) if match else None)
    found = [resolved(base, files) for base in dict.fromkeys(bases)]
    for position, (name, _) in enumerate(rows):
        keys = [(paths[position], numbers[position]) for paths in found]
        yield [(name, None), *keys]
