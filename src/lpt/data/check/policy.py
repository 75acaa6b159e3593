"""Policies for images that would spoil training: stop, or skip them."""

from dataclasses import replace

import numpy as np

from lpt.data.check.check_result import CheckReport
from lpt.data.check.findings import KINDS
from lpt.data.manifest import Manifest
from lpt.errors import ConfigError, DataError, TemplateError
from lpt.escape import shell_command
from lpt.progress import plural

__all__ = ["POLICIES", "apply_policy", "spoiling_images", "without_places"]

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


class _BadImagesError(TemplateError, DataError):
    """Images that would spoil training, with the ways to train without them."""


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
        listing = shell_command("lpt", "data", "check", manifest.name, "--quarantine", "LIST")
        raise _BadImagesError(
            f"{manifest.name}: {plural(len(named), 'image')} would spoil training: {shown}.",
            "Repair or remove them, or leave them out: `bad_images` skip, or `bad_images` LIST "
            f"with the list that this writes: {listing}",
        )
    return without_places(manifest, set(bad))


def without_places(manifest: Manifest, places: set[tuple[str, int]]) -> Manifest:
    """Leave out images by (split, index). Raises: DataError for a class that loses all of them."""
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
