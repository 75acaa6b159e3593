"""What to do about images that would spoil training: stop, skip them, or skip a written list."""

import csv
import io
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np

from lpt.data.check.check_result import CheckReport
from lpt.data.check.findings import KINDS
from lpt.data.manifest import Manifest
from lpt.errors import ConfigError, DataError
from lpt.files import write_text

__all__ = ["POLICIES", "apply_policy", "spoiling_images", "without_quarantined", "write_quarantine"]

POLICIES = ("error", "skip")


def spoiling_images(report: CheckReport) -> dict[tuple[str, int], str]:
    """Images to leave out so that nothing spoils training: (split, index) -> kind.

    What cannot be decoded goes from every split. Of byte-identical images with different labels
    all training copies go, since nobody knows which label is right; of images that are in test or
    validation too, the training copies go. Test images that can be decoded always stay.
    """
    chosen: dict[tuple[str, int], str] = {}
    for finding in report.findings:
        if not KINDS[finding.kind].spoils:
            continue
        for place in finding.images:
            if finding.kind not in ("two-labels", "leak") or place.split == "train":
                chosen.setdefault((place.split, place.index), finding.kind)
    return chosen


def apply_policy(manifest: Manifest, report: CheckReport, policy: str) -> Manifest:
    """The data that training may use.

    Args:
        manifest: the data that `report` is about.
        report: what a check found.
        policy: "error" stops if anything spoils; "skip" leaves these images out. None is ever
            replaced by another image.
    Raises: DataError under "error", listing files; ConfigError for another policy.
    """
    if policy not in POLICIES:
        raise ConfigError(f"policy {policy!r} for bad images: choose one of {', '.join(POLICIES)}.")
    bad = spoiling_images(report)
    if bad and policy == "error":
        named = [f"{manifest.split(s).name_of(i)} ({kind})" for (s, i), kind in bad.items()]
        shown = ", ".join(named[:5]) + (f" and {len(named) - 5} more" if named[5:] else "")
        raise DataError(
            f"{manifest.name}: {len(named)} images would spoil training: {shown}.\n"
            "Repair or remove them, or choose the policy skip or a quarantine list."
        )
    return _without(manifest, set(bad))


def write_quarantine(report: CheckReport, path: Path) -> int:
    """Write the images that `skip` would leave out as CSV (name, split, kind); returns how many.

    The list can be edited: training then leaves out exactly what it names.
    """
    names = {
        (place.split, place.index): place.name
        for finding in report.findings
        for place in finding.images
    }
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(("name", "split", "kind"))
    bad = spoiling_images(report)
    writer.writerows((names[place], place[0], kind) for place, kind in bad.items())
    write_text(path, stream.getvalue())
    return len(bad)


def without_quarantined(manifest: Manifest, path: Path) -> Manifest:
    """Leave out the images that a quarantine list names.

    The split tells apart only an image that the data names in several: a list that was made of
    unsplit data holds however it is split later.

    Raises: DataError if the list cannot be read, has no column `name`, or names nothing that the
        data has (then it belongs to other data).
    """
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream)
            rows = [(row["name"], row.get("split") or "") for row in reader]
    except (OSError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise DataError(
            f"{path}: not a quarantine list ({error}). It needs the columns name,split."
        ) from error
    listed = {name for name, _ in rows}
    found = [
        (image, name, index)
        for name, split in manifest.splits.items()
        for index in range(len(split))
        if (image := split.name_of(index)) in listed
    ]
    places = Counter(image for image, _, _ in found)
    wanted = set(rows)
    bad = {
        (name, index)
        for image, name, index in found
        if places[image] == 1 or {(image, name), (image, "")} & wanted
    }
    if rows and not bad:
        raise DataError(
            f"{path}: none of its {len(rows)} images is in {manifest.name}. Name the right list."
        )
    return _without(manifest, bad)


def _without(manifest: Manifest, places: set[tuple[str, int]]) -> Manifest:
    splits = {}
    for name, split in manifest.splits.items():
        dropped = [index for place, index in places if place == name]
        kept = np.setdiff1d(np.arange(len(split)), dropped)
        if len(kept):
            splits[name] = split.take(kept)
    kept_manifest = replace(manifest, splits=splits)
    lost = np.flatnonzero((manifest.counts() > 0) & (kept_manifest.counts() == 0))
    if len(lost):
        raise DataError(
            f"{manifest.name}: without its bad images the class "
            f"{manifest.class_names[int(lost[0])]!r} has no training image. Repair its images."
        )
    return kept_manifest
