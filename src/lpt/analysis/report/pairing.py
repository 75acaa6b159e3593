"""Pairs of runs, compared image by image."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np

from lpt.analysis.predictions import ImagePrediction
from lpt.analysis.report.finished_run import FinishedRun
from lpt.escape import printable, shell_command
from lpt.evaluation.bootstrap import Difference, paired_differences
from lpt.progress import listed

__all__ = ["FEWEST", "PairedRuns", "pair_runs", "remarks"]

FEWEST = 2
"""Images in common from which differences are computed."""

_ORDER = ("many", "medium", "few")


@dataclass(frozen=True)
class PairedRuns:
    """Another run against the first one, on the images that both were analysed on.

    Attributes:
        run: the other run.
        images: number of images in common, with the same label in both.
        relabelled: number of images in common whose labels differ; they are left out.
        differences: accuracy of the other run minus the first one's, with 95 % intervals:
            overall, by shot group of the first run, and macro.
    """

    run: FinishedRun
    images: int
    relabelled: int
    differences: dict[str, Difference]


def pair_runs(first: FinishedRun, other: FinishedRun) -> PairedRuns | None:
    """Compare two runs on the images they share, by a paired bootstrap over images.

    Images are the same if their resolved paths are; where no path is shared, for example because
    the data was moved, if folder and file name are.

    Returns: None if fewer than two images are shared.
    """
    if first.predictions is None or other.predictions is None:
        return None
    shared, relabelled = _shared(first.predictions, other.predictions)
    if len(shared) < FEWEST:
        return None
    names = sorted({one.own for one, _ in shared})
    index = {name: i for i, name in enumerate(names)}
    group = {printable(score.name): score.group for score in first.analysis.classes}
    differences = paired_differences(
        [np.array([two.is_correct for _, two in shared])],
        [np.array([one.is_correct for one, _ in shared])],
        np.array([index[one.own] for one, _ in shared], dtype=np.int64),
        {
            name: np.array([index[n] for n in names if group.get(n) == name], dtype=np.int64)
            for name in _ORDER
        },
    )
    return PairedRuns(other, len(shared), relabelled, differences)


def remarks(runs: Sequence[FinishedRun], pairs: Sequence[PairedRuns | None]) -> list[str]:
    """List everything about the runs but their settings that makes a comparison uneven."""
    first, *others = runs
    found = []
    for other, pair in zip(others, pairs, strict=True):
        found += _image_remarks(first, other, pair)
        found += _class_remarks(first, other)
    return found


def _image_remarks(first: FinishedRun, other: FinishedRun, pair: PairedRuns | None) -> list[str]:
    own, its = first.analysis.images, other.analysis.images
    if first.predictions is None or other.predictions is None:
        old = first if first.predictions is None else other
        return [
            f"{old.name} was analysed by an earlier version, which kept no predictions, so images "
            f"cannot be paired. Run: {shell_command('lpt', 'analyze', old.path)}"
        ]
    if pair is None:
        return [
            f"{first.name} and {other.name} were analysed on different images, so their accuracies "
            "are not directly comparable."
        ]
    found = []
    if pair.images < max(own, its):
        found.append(
            f"{first.name} was analysed on {own:,} images and {other.name} on {its:,}; the "
            f"differences are those of the {pair.images:,} images in common."
        )
    if pair.relabelled:
        found.append(
            f"{pair.relabelled:,} images have another label in {other.name} than in {first.name}; "
            "they are left out of the differences."
        )
    return found


def _class_remarks(first: FinishedRun, other: FinishedRun) -> list[str]:
    before = {score.name: score for score in first.analysis.classes}
    after = {score.name: score for score in other.analysis.classes}
    found = []
    if before.keys() != after.keys():
        only = [
            f"{len(names):,} only in {run.name} ({listed(names)})"
            for run, names in (
                (first, [n for n in before if n not in after]),
                (other, [n for n in after if n not in before]),
            )
            if names
        ]
        found.append(f"The runs have different classes: {' and '.join(only)}.")
    moved = [n for n in before if n in after and before[n].group != after[n].group]
    if moved:
        found.append(
            f"{len(moved):,} classes are in other shot groups of {other.name} than of "
            f"{first.name} ({listed(moved)}), since the runs were trained on different numbers of "
            f"images. The differences use the groups of {first.name}."
        )
    return found


def _shared(
    one: Sequence[ImagePrediction], two: Sequence[ImagePrediction]
) -> tuple[list[tuple[ImagePrediction, ImagePrediction]], int]:
    """Pair images by path, or else by folder and file name; count those labelled differently."""
    pairs = _matched({p.image: p for p in one}, {p.image: p for p in two})
    if not pairs:
        pairs = _matched(_by_tail(one), _by_tail(two))
    same = [(a, b) for a, b in pairs if a.own == b.own]
    return same, len(pairs) - len(same)


def _matched(
    one: dict[str, ImagePrediction], two: dict[str, ImagePrediction]
) -> list[tuple[ImagePrediction, ImagePrediction]]:
    return [(one[key], two[key]) for key in one if key in two]


def _by_tail(images: Sequence[ImagePrediction]) -> dict[str, ImagePrediction]:
    """Images by folder and file name, without those that share both."""
    found: dict[str, ImagePrediction] = {}
    several = set()
    for image in images:
        tail = "/".join(PurePath(image.image).parts[-2:])
        if tail in found:
            several.add(tail)
        found[tail] = image
    return {tail: image for tail, image in found.items() if tail not in several}
