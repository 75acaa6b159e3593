"""Summarise a data set before training: classes, counts and the tail."""

from dataclasses import asdict, dataclass

import numpy as np

from lpt.data.class_groups import ClassGroups, imbalance
from lpt.data.images.decode import decode
from lpt.data.manifest import Manifest, Split
from lpt.errors import DataError
from lpt.escape import json_text, printable, shortened
from lpt.files.regular_files import size_text
from lpt.progress import listed, plural
from lpt.random_streams import random_stream

__all__ = ["DataSummary", "inspect_data", "render"]

_WIDTH = 40
_ROWS = 24
_RAREST = 10
_RAREST_WIDTH = 76


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
        width, height: smallest, median and largest of these, in pixels; zeros if there are none.
        file_bytes: median size of their files.
        undecodable: number of further images of the sample, which cannot be decoded.
        notes: lines about the data, such as what was left out.
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
    file_bytes: int
    undecodable: int
    notes: tuple[str, ...]

    def to_json(self) -> str:
        """All attributes as a JSON object."""
        return json_text(asdict(self), indent=2)


def inspect_data(
    manifest: Manifest, groups: ClassGroups | None = None, *, sample: int = 64, seed: int = 0
) -> DataSummary:
    """Count the images of a data set, and decode a sample of training images for their size.

    Args:
        manifest: the data.
        groups: bounds of the shot groups; None takes the defaults.
        sample: number of training images to decode.
        seed: chooses the sample.
    Raises: DataError if there is no training split.
    """
    groups = groups or ClassGroups()
    train = manifest.split("train")
    n = manifest.counts("train")
    members = groups.members(n)
    chosen = random_stream(seed).permutation(len(train))[:sample]
    measured = [size for i in chosen if (size := _measured(train, int(i))) is not None]
    sizes = np.array(measured, dtype=np.int64).reshape(-1, 3)
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
        sampled=len(measured),
        width=_spread(sizes[:, 0]),
        height=_spread(sizes[:, 1]),
        file_bytes=_spread(sizes[:, 2])[1],
        undecodable=len(chosen) - len(measured),
        notes=manifest.notes,
    )


def render(summary: DataSummary, *, every_class: bool = False) -> str:
    """Render the summary as about forty lines of text, with a bar chart of the tail.

    Args:
        summary: the facts.
        every_class: draw a bar for every class, however many there are.
    """
    n = np.array(summary.counts["train"])
    lines = [
        f"{printable(summary.name)}: {plural(len(n), 'class', 'classes')}",
        *(
            f"  {split:<8}{_in_column(sum(counts), 9, 'image', 'images')}"
            + ("   (held out of train: the data has none)" if split in summary.set_aside else "")
            for split, counts in summary.counts.items()
        ),
        f"  imbalance {summary.imbalance:,.1f} "
        f"({n.max():,} to {n[n > 0].min():,} images per class)",
        *(
            f"  {group:<8}{_in_column(summary.group_classes[group], 9, 'class', 'classes')}"
            f"{_in_column(summary.group_images[group], 11, 'image', 'images')}   ({bounds})"
            for group, bounds in summary.group_bounds.items()
        ),
        f"  size     {_size(summary)}",
        *(f"  {note}" for note in summary.notes),
    ]
    if summary.untested:
        shown = listed([*map(printable, summary.untested)], 5)
        missing = plural(len(summary.untested), "class", "classes")
        lines.append(f"  {missing} without a test image: {shown}")
    rows = len(n) if every_class else _ROWS
    if len(n) > rows:
        rarest = np.argsort(n, kind="stable")[:_RAREST]
        named = [f"{shortened(printable(summary.class_names[c]), 25)} {n[c]:,}" for c in rarest]
        while len(", ".join(named)) > _RAREST_WIDTH:
            named.pop()
        lines.append(f"  rarest   {', '.join(named)} (all: --all)")
    return "\n".join([*lines, "", *_tail(n, summary.class_names, rows)])


def _size(summary: DataSummary) -> str:
    """Describe the size of the images, and how many of the sample cannot be decoded."""
    them = "it" if summary.undecodable == 1 else "them"
    bad = f"{plural(summary.undecodable, 'image')} cannot be decoded; lpt data check names {them}"
    if not summary.sampled:
        return bad
    (_, wide, _), (_, high, _) = summary.width, summary.height
    text = (
        f"typically {wide:,} x {high:,} pixels and {size_text(summary.file_bytes)}; "
        f"{_range(summary.width)} wide, {_range(summary.height)} high "
        f"({plural(summary.sampled, 'image')} sampled)"
    )
    return f"{text}; {bad}" if summary.undecodable else text


def _tail(n: np.ndarray, names: tuple[str, ...], rows: int) -> list[str]:
    """Draw one bar per class, or per range of classes of similar size, on a log scale."""
    order = np.argsort(-n, kind="stable")
    runs = np.array_split(order, min(len(order), rows))
    scale = _WIDTH / np.log1p(n.max())
    lines = ["training images, largest class first (log scale)"]
    begin = 1
    for run in runs:
        most, least = int(n[run[0]]), int(n[run[-1]])
        end = begin + len(run) - 1
        label = (
            shortened(printable(names[run[0]]), 20) if len(run) == 1 else f"classes {begin}-{end}"
        )
        number = f"{most:,}" if most == least else f"{most:,}-{least:,}"
        bar = "#" * max(round(float(np.log1p(n[run]).mean()) * scale), 1)
        lines.append(f"  {label:<20} {number:>13} {bar}")
        begin = end + 1
    return lines


def _in_column(count: int, width: int, noun: str, nouns: str) -> str:
    """Align a number right, followed by its noun, padded to the length of the plural."""
    return f"{count:>{width},} {(noun if count == 1 else nouns):<{len(nouns)}}"


def _measured(split: Split, index: int) -> tuple[int, int, int] | None:
    """Width, height and bytes of an image; None if it cannot be decoded."""
    try:
        data, name = split.read(index), split.name_of(index)
        return (*decode(data, name=name, max_pixels=split.max_pixels).size, len(data))
    except DataError:
        return None


def _spread(values: np.ndarray) -> tuple[int, int, int]:
    if not len(values):
        return 0, 0, 0
    return int(values.min()), int(np.median(values)), int(values.max())


def _range(values: tuple[int, int, int]) -> str:
    low, _, high = values
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"
