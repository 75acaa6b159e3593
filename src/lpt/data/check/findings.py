"""Flaws of a data set, derived from the facts of its images."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from lpt.data.check.fingerprint import THRESHOLD
from lpt.data.check.near_pairs import near_pairs
from lpt.data.check.scan import Scan
from lpt.data.images.decode import FORMATS, SUFFIXES
from lpt.data.manifest import Manifest
from lpt.progress import listed

__all__ = ["KINDS", "Finding", "Kind", "Limits", "Place", "find_flaws"]

Ids = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Kind:
    """A kind of flaw: whether it spoils training or evaluation, and its meaning in words."""

    spoils: bool
    meaning: str


KINDS = {
    "structure": Kind(True, "classes or splits that training refuses"),
    "unreadable-folder": Kind(True, "folder that cannot be listed"),
    "empty-class": Kind(True, "class folder without images"),
    "no-class": Kind(True, "image or folder whose class is not clear"),
    "unsupported": Kind(True, "format or pixels that cannot be decoded here"),
    "missing": Kind(True, "cannot be read from disk"),
    "empty": Kind(True, "file of zero bytes"),
    "not-image": Kind(True, "not an image of a supported format"),
    "damaged": Kind(True, "truncated or damaged, cannot be decoded"),
    "too-large": Kind(True, "more pixels than the decode limit"),
    "two-labels": Kind(True, "byte-identical images under different labels"),
    "leak": Kind(True, "byte-identical images in train and in val or test"),
    "near-leak": Kind(False, "near-duplicates in train and in val or test"),
    "identical": Kind(False, "byte-identical images of one class and split"),
    "near-duplicate": Kind(False, "near-duplicates within a split"),
    "wrong-extension": Kind(False, "the content has another format than the file name"),
    "animated": Kind(False, "several frames; only the first is used"),
    "blank": Kind(False, "one colour, or hardly more"),
    "tiny": Kind(False, "short side too small to recognise anything"),
    "huge": Kind(False, "so large that decoding slows training down"),
}
"""All kinds, worst first."""


@dataclass(frozen=True)
class Limits:
    """Bounds of the checks.

    Attributes:
        blank: values that differ by less than this, of 255, are blank.
        tiny: a short side below this many pixels is tiny.
        huge: more pixels than this are huge.
        similarity: fingerprints with a cosine above this are near-duplicates. None skips the
            search, whose time grows with the square of the number of images.
    """

    blank: int = 16
    tiny: int = 16
    huge: int = 24_000_000
    similarity: float | None = THRESHOLD


@dataclass(frozen=True)
class Place:
    """One image of a finding: split, index, name and label."""

    split: str
    index: int
    name: str
    label: str


@dataclass(frozen=True)
class Finding:
    """One flaw: its kind, the images concerned (none for faults of folders), and details."""

    kind: str
    images: tuple[Place, ...]
    detail: str


def find_flaws(manifest: Manifest, scan: Scan, limits: Limits) -> tuple[Finding, ...]:
    """Find all flaws of a data set, worst kind first.

    Args:
        manifest: the data.
        scan: facts of its images, split by split.
        limits: bounds of tiny, huge and near-duplicate.
    """
    flaws = _Flaws(manifest, scan, limits)
    folders = [
        Finding(problem.kind, (), f"{problem.path}: {problem.fault}. {problem.remedy}".strip())
        for problem in manifest.problems
    ]
    found = [*folders, *flaws.broken(), *flaws.odd(), *flaws.identical(), *flaws.similar()]
    order = {kind: place for place, kind in enumerate(KINDS)}
    return tuple(sorted(found, key=lambda finding: order[finding.kind]))


class _Flaws:
    def __init__(self, manifest: Manifest, scan: Scan, limits: Limits):
        self.manifest, self.scan, self.limits = manifest, scan, limits
        self.names = list(manifest.splits)
        sizes = [len(split) for split in manifest.splits.values()]
        self.starts = np.cumsum([0, *sizes])
        self.split = np.repeat(np.arange(len(sizes)), sizes)
        self.labels = np.concatenate([split.labels for split in manifest.splits.values()])
        sound = np.ones(len(self.labels), dtype=np.bool_)
        sound[list(scan.problems)] = False
        self.sound = np.flatnonzero(sound)

    def place(self, image: int) -> Place:
        number = int(self.split[image])
        split = self.manifest.splits[self.names[number]]
        index = image - int(self.starts[number])
        label = self.manifest.class_names[int(self.labels[image])]
        return Place(self.names[number], index, split.name_of(index), label)

    def finding(self, kind: str, images: Iterable[np.integer[Any] | int], detail: str) -> Finding:
        return Finding(kind, tuple(self.place(int(image)) for image in images), detail)

    def broken(self) -> Iterator[Finding]:
        for image, (kind, message) in self.scan.problems.items():
            yield self.finding(kind, [image], message)

    def odd(self) -> Iterator[Finding]:
        facts = self.scan.facts
        for image in self.sound[facts["animated"][self.sound]]:
            yield self.finding("animated", [image], "only the first frame is used")
        contrast = facts["contrast"]
        for image in self.sound[contrast[self.sound] < self.limits.blank]:
            spread = (
                f"values differ by {contrast[image]} of 255" if contrast[image] else "one colour"
            )
            yield self.finding("blank", [image], spread)
        width, height = facts["width"].astype(np.int64), facts["height"].astype(np.int64)
        for kind, mask in (
            ("tiny", np.minimum(width, height) < self.limits.tiny),
            ("huge", width * height > self.limits.huge),
        ):
            for image in self.sound[mask[self.sound]]:
                yield self.finding(kind, [image], f"{width[image]} x {height[image]} pixels")
        for image in self.sound:
            number = int(self.split[image])
            split = self.manifest.splits[self.names[number]]
            ref = split.ref(int(image - self.starts[number]))
            content = FORMATS[facts["format"][image]]
            named = SUFFIXES.get(ref.path.suffix.lower(), content) if ref.row is None else content
            if named != content:
                yield self.finding("wrong-extension", [image], f"named {named}, holds {content}")

    def identical(self) -> Iterator[Finding]:
        _, group = np.unique(self.scan.facts["digest"][self.sound], axis=0, return_inverse=True)
        for images in _groups(self.sound, group.ravel()):
            alike = len(set(self.labels[images])) == 1
            if not alike:
                yield self.finding("two-labels", images, self._labels(images))
            if self._leaks(images):
                yield self.finding("leak", images, self._splits(images))
            elif alike:
                yield self.finding("identical", images, self._copies(images))

    def similar(self) -> Iterator[Finding]:
        if self.limits.similarity is None:
            return
        facts = self.scan.facts[self.sound]
        _, first = np.unique(facts["digest"], axis=0, return_index=True)
        pairs, cosines = near_pairs(facts["print"][first], self.limits.similarity)
        if len(pairs) == 0:
            return
        graph = coo_array((cosines, (pairs[:, 0], pairs[:, 1])), shape=(len(first), len(first)))
        _, group = connected_components(graph, directed=False)
        strength = np.zeros(len(first), dtype=np.float32)
        np.maximum.at(strength, pairs.ravel(), np.repeat(cosines, 2))
        linked = np.unique(pairs)
        for members in _groups(linked, group[linked]):
            images = self.sound[first[members]]
            kind = "near-leak" if self._leaks(images) else "near-duplicate"
            detail = f"similarity up to {strength[members].max():.3f}; {self._labels(images)}"
            yield self.finding(kind, images, detail)

    def _copies(self, images: Ids) -> str:
        folders = {str(PurePath(self.place(int(image)).name).parent) for image in images}
        where = f", in {len(folders)} folders of one class" if len(folders) > 1 else ""
        return f"{len(images)} copies{where}"

    def _leaks(self, images: Ids) -> bool:
        names = {self.names[number] for number in self.split[images]}
        return "train" in names and len(names) > 1

    def _labels(self, images: Ids) -> str:
        names = sorted({self.manifest.class_names[label] for label in self.labels[images]})
        shown = listed(names, 4)
        return f"one label, {shown}" if len(names) == 1 else f"{len(names)} labels: {shown}"

    def _splits(self, images: Ids) -> str:
        return "in " + " and ".join(self.names[number] for number in np.unique(self.split[images]))


def _groups(items: Ids, group: Ids) -> Iterator[Ids]:
    """Yield the items of each group of two or more."""
    order = np.argsort(group, kind="stable")
    for members in np.split(items[order], np.flatnonzero(np.diff(group[order])) + 1):
        if len(members) > 1:
            yield members
