"""Summarise a data set before training: classes, counts and the tail."""

import json
from dataclasses import asdict, dataclass

import numpy as np

from lpt.data.class_groups import ClassGroups, imbalance
from lpt.data.images.decode import decode
from lpt.data.manifest import Manifest, Split
from lpt.random_streams import random_stream

__all__ = ["DataSummary", "inspect_data", "render"]

_WIDTH = 40
_ROWS = 24


@dataclass(frozen=True)
class DataSummary:
    """Facts about a data set, for text and JSON.

    Attributes:
        name: the data set.
        class_names: (C,) names in index order.
        counts: split -> (C,) images per class.
        set_aside: splits that the data lacked, held out of its training images by class.
        imbalance: largest over smallest class of the training split.
        group_bounds: bounds of the shot groups in words.
        group_classes: number of classes of each shot group.
        group_images: number of training images of each shot group.
        untested: names of classes without a test image; empty if there is no test split.
        sampled: number of images whose size was measured.
        width, height: smallest, median and largest of these, in pixels.
    """

    name: str
    class_names: tuple[str, ...]
    counts: dict[str, tuple[int, ...]]
    set_aside: tuple[str, ...]
    imbalance: float
    group_bounds: dict[str, str]
    group_classes: dict[str, int]
    group_images: dict[str, int]
    untested: tuple[str, ...]
    sampled: int
    width: tuple[int, int, int]
    height: tuple[int, int, int]

    def to_json(self) -> str:
        """All attributes as a JSON object."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False)


def inspect_data(
    manifest: Manifest, groups: ClassGroups | None = None, *, sample: int = 64, seed: int = 0
) -> DataSummary:
    """Count the images of a data set, and decode a sample of training images for their size.

    Args:
        manifest: the data.
        groups: bounds of the shot groups; None takes the defaults.
        sample: number of training images to decode.
        seed: chooses the sample.
    Raises: DataError if there is no training split, or a sampled image cannot be read.
    """
    groups = groups or ClassGroups()
    train = manifest.split("train")
    n = manifest.counts("train")
    members = groups.members(n)
    chosen = random_stream(seed).permutation(len(train))[:sample]
    sizes = np.array([_size(train, i) for i in chosen])
    untested = np.flatnonzero(manifest.counts("test") == 0) if "test" in manifest.splits else ()
    return DataSummary(
        name=manifest.name,
        class_names=manifest.class_names,
        counts={split: tuple(manifest.counts(split).tolist()) for split in manifest.splits},
        set_aside=manifest.set_aside,
        imbalance=imbalance(n),
        group_bounds=groups.describe(),
        group_classes={group: len(classes) for group, classes in members.items()},
        group_images={group: int(n[classes].sum()) for group, classes in members.items()},
        untested=tuple(manifest.class_names[c] for c in untested),
        sampled=len(chosen),
        width=_spread(sizes[:, 0]),
        height=_spread(sizes[:, 1]),
    )


def render(summary: DataSummary) -> str:
    """Render the summary as about forty lines of text, with a bar chart of the tail."""
    n = np.array(summary.counts["train"])
    lines = [
        f"{summary.name}: {len(n):,} classes",
        *(
            f"  {split:<8}{sum(counts):>9,} images"
            + ("   (held out of train: the data has none)" if split in summary.set_aside else "")
            for split, counts in summary.counts.items()
        ),
        f"  imbalance {summary.imbalance:,.1f} "
        f"({n.max():,} to {n[n > 0].min():,} images per class)",
        *(
            f"  {group:<8}{summary.group_classes[group]:>9,} classes"
            f"{summary.group_images[group]:>11,} images   ({bounds})"
            for group, bounds in summary.group_bounds.items()
        ),
        f"  size     {_range(summary.width)} wide, {_range(summary.height)} high "
        f"(smallest, median, largest of {summary.sampled})",
    ]
    if summary.untested:
        shown = ", ".join(summary.untested[:5]) + (", ..." if summary.untested[5:] else "")
        lines.append(f"  {len(summary.untested)} classes without a test image: {shown}")
    return "\n".join([*lines, "", *_tail(n, summary.class_names)])


def _tail(n: np.ndarray, names: tuple[str, ...]) -> list[str]:
    """Draw one bar per class, or per range of classes of similar size, on a log scale."""
    order = np.argsort(-n, kind="stable")
    runs = np.array_split(order, min(len(order), _ROWS))
    scale = _WIDTH / np.log1p(n.max())
    lines = ["training images, largest class first (log scale)"]
    begin = 1
    for run in runs:
        most, least = int(n[run[0]]), int(n[run[-1]])
        end = begin + len(run) - 1
        label = names[run[0]][:20] if len(run) == 1 else f"classes {begin}-{end}"
        number = f"{most:,}" if most == least else f"{most:,}-{least:,}"
        bar = "#" * max(round(float(np.log1p(n[run]).mean()) * scale), 1)
        lines.append(f"  {label:<20} {number:>13} {bar}")
        begin = end + 1
    return lines


def _size(split: Split, index: int) -> tuple[int, int]:
    data, name = split.read(index), split.name_of(index)
    return decode(data, name=name, max_pixels=split.max_pixels).size


def _spread(values: np.ndarray) -> tuple[int, int, int]:
    return int(values.min()), int(np.median(values)), int(values.max())


def _range(values: tuple[int, int, int]) -> str:
    low, middle, high = values
    return f"{low}" if low == high else f"{low}, {middle}, {high}"
