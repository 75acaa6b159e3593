"""Policies for images that would spoil training: stop, skip them, or skip a given list."""

import csv
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np

from lpt.data.check.check_result import CheckReport
from lpt.data.check.findings import KINDS
from lpt.data.manifest import Manifest
from lpt.errors import ConfigError, DataError
from lpt.escape import csv_text
from lpt.files import write_text
from lpt.progress import plural

__all__ = ["POLICIES", "apply_policy", "spoiling_images", "without_quarantined", "write_quarantine"]

POLICIES = ("error", "skip")


def spoiling_images(report: CheckReport) -> dict[tuple[str, int], str]:
    """Choose the images to leave out so that nothing spoils training: (split, index) -> kind.

    Images that cannot be decoded are left out of every split. If byte-identical images have
    different labels, all training copies are left out, since the right label is unknown; if an
    image is in test or validation too, its training copies are. Test images that can be decoded
    always stay.
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
    """Reduce the data to the images that training may use.

    Args:
        manifest: the data.
        report: the result of its check.
        policy: "error" stops if any image would spoil training; "skip" leaves these images out.
            They are never replaced by others.
    Raises: DataError under "error", listing files; ConfigError for an unknown policy.
    """
    if policy not in POLICIES:
        raise ConfigError(f"policy for bad images {policy!r}: choose one of {', '.join(POLICIES)}.")
    bad = spoiling_images(report)
    if bad and policy == "error":
        named = [f"{manifest.split(s).name_of(i)} ({kind})" for (s, i), kind in bad.items()]
        shown = ", ".join(named[:5]) + (f" and {len(named) - 5} more" if named[5:] else "")
        raise DataError(
            f"{manifest.name}: {plural(len(named), 'image')} would spoil training: {shown}.",
            "Repair or remove them, or leave them out with the policy skip or a quarantine list.",
        )
    return _without(manifest, set(bad))


def write_quarantine(report: CheckReport, path: Path) -> int:
    """List the images that "skip" would leave out as CSV (name, split, kind); return their number.

    Training leaves out exactly what the list names, so it can be edited.

    Raises: RunError if the file cannot be written.
    """
    names = {
        (place.split, place.index): place.name
        for finding in report.findings
        for place in finding.images
    }
    columns = ("name", "split", "kind")
    bad = spoiling_images(report)
    rows = [
        dict(zip(columns, (names[place], place[0], kind), strict=True))
        for place, kind in bad.items()
    ]
    write_text(path, csv_text(rows, columns, exact=["name", "split"]))
    return len(bad)


def without_quarantined(manifest: Manifest, path: Path) -> Manifest:
    """Leave out the images that a quarantine list names.

    The split matters only for an image that is in several splits, so a list made of unsplit data
    stays valid however the data is split later.

    Raises: DataError if the list cannot be read, has no column `name`, or names no image of the
        data (then it belongs to other data).
    """
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream)
            rows = [(row["name"], row.get("split") or "") for row in reader]
    except (OSError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise DataError(
            f"{path}: not a quarantine list ({error}). It needs the columns name and split."
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
            f"{path}: none of its {len(rows)} images is in {manifest.name}. Give the list made "
            "for this data."
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
