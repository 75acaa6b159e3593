"""Quarantine lists: which images training leaves out, in a CSV file that can be edited."""

import csv
import io
from collections.abc import Callable
from pathlib import Path

from lpt.data.check.check_result import CheckReport
from lpt.data.check.listed_images import data_root, find_listed, relative_name, unknown_names
from lpt.data.check.policy import spoiling_images, without_places
from lpt.data.manifest import Manifest
from lpt.errors import DataError
from lpt.escape import csv_text
from lpt.files.atomic_files import write_text
from lpt.files.regular_files import read_regular
from lpt.progress import plural

__all__ = ["without_quarantined", "write_quarantine"]

_MOST_BYTES = 2**30


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
    """Leave out the images that a quarantine list names, as `find_listed` finds them.

    Args:
        manifest: the data.
        path: the list: UTF-8, with or without a byte order mark, any line endings.
        notice: called with one line on names that are not in the data.
    Raises: DataError if the list cannot be read, has no column `name`, or names no image of the
        data (then it belongs to other data).
    """
    rows = _rows(path)
    found = find_listed(manifest, path, rows)
    bad = {place for places in found for place in places or ()}
    if rows and not bad:
        raise DataError(
            f"{path}: none of its {plural(len(rows), 'image')} is in {manifest.name}. Give the "
            "list made for this data."
        )
    unknown = [name for (name, _), places in zip(rows, found, strict=True) if places is None]
    if unknown and notice is not None:
        notice(unknown_names(path, unknown, len(rows)))
    return without_places(manifest, bad)


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
