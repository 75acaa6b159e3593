"""Places-LT and ImageNet-LT: images that the user has, split by the published lists."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lpt.data.image_stores import FileStore
from lpt.data.sources.csv_lists import text_table
from lpt.data.sources.data_string import DataSpec
from lpt.data.sources.label_rules import class_indices
from lpt.data.sources.listed_files import check_present
from lpt.data.sources.listing import Listing
from lpt.errors import DataError

__all__ = [
    "IMAGENET_LT",
    "PLACES_LT",
    "ListedImages",
    "PublishedLists",
    "find_images",
    "folders_of",
    "read_published",
]


@dataclass(frozen=True)
class PublishedLists:
    """A data set whose images the user has, and whose splits are published as lists.

    Attributes:
        name: name on the command line.
        lists: file name of the list of each split.
        images: number of images of each split.
        num_classes, largest, smallest: number and sizes of the classes of the training split.
        lists_from, images_from: where to get lists and images.
    """

    name: str
    lists: dict[str, str]
    images: dict[str, int]
    num_classes: int
    largest: int
    smallest: int
    lists_from: str
    images_from: str


_OLTR = "https://github.com/zhmiao/OpenLongTailRecognition-OLTR (data preparation)"

PLACES_LT = PublishedLists(
    name="places-lt",
    lists={split: f"Places_LT_{split}.txt" for split in ("train", "val", "test")},
    images={"train": 62_500, "val": 7_300, "test": 36_500},
    num_classes=365,
    largest=4_980,
    smallest=5,
    lists_from=_OLTR,
    images_from="http://places2.csail.mit.edu/download.html (Places365-Standard, 256 x 256)",
)
IMAGENET_LT = PublishedLists(
    name="imagenet-lt",
    lists={split: f"ImageNet_LT_{split}.txt" for split in ("train", "val", "test")},
    images={"train": 115_846, "val": 20_000, "test": 50_000},
    num_classes=1_000,
    largest=1_280,
    smallest=5,
    lists_from=_OLTR,
    images_from="https://image-net.org/challenges/LSVRC/2012 (train and val, one folder per class)",
)


@dataclass(frozen=True)
class ListedImages:
    """Images collected from published lists.

    Attributes:
        files: paths below the folder of the images.
        labels: labels of the lists.
        splits: split of each image.
    """

    files: list[str] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    splits: list[str] = field(default_factory=list)

    def add(self, split: str, files: Sequence[str], labels: Sequence[int]) -> None:
        """Append the images of a split."""
        self.files.extend(files)
        self.labels.extend(labels)
        self.splits.extend([split] * len(files))

    def verify(self, known: PublishedLists) -> None:
        """Raises: DataError naming the list whose numbers differ from the published ones."""
        for split, expected in known.images.items():
            found = self.splits.count(split)
            if found != expected:
                raise DataError(
                    f"{known.name}: {known.lists[split]} names {found:,} images, but {expected:,} "
                    f"are published. Download the list again from {known.lists_from}."
                )
        sizes = Counter(
            label for label, split in zip(self.labels, self.splits, strict=True) if split == "train"
        )
        classes, largest, smallest = len(sizes), max(sizes.values()), min(sizes.values())
        published = (known.num_classes, known.largest, known.smallest)
        if (classes, largest, smallest) != published or set(self.labels) != set(sizes):
            raise DataError(
                f"{known.name}: {known.lists['train']} has {classes} classes of {largest} to "
                f"{smallest} images, but {known.num_classes} of {known.largest} to "
                f"{known.smallest} are published. Download the list again from {known.lists_from}."
            )


def read_published(known: PublishedLists, spec: DataSpec) -> Listing:
    """Read the lists (`path label` on each line) and find their images below `root`.

    Classes are named by the folder of their training images: the WordNet id for ImageNet, the
    category for Places. The leading folder of the lists (`data_256/`) may be missing below `root`.

    Args:
        known: the published lists.
        spec: options `root`, the folder of the images, and `lists`, the folder of the lists if they
            are elsewhere.
    Raises: DataError naming the missing file and where to get it, or the list whose numbers differ
        from the published ones.
    """
    root, lists = folders_of(known, spec)
    images = ListedImages()
    names: list[str] = []
    by_label: dict[int, str] = {}
    for split, file in known.lists.items():
        paths, labels = _read_list(lists / file, known)
        if split == "train":
            names = [_class_name(path) for path in paths]
            by_label = dict(zip(labels, names, strict=True))
        else:
            names += [by_label.get(label, "") for label in labels]
        images.add(split, _below(root, paths, lists / file, known), labels)
    images.verify(known)
    class_names, index, _ = class_indices(np.array(images.labels), np.array(names), known.name)
    return Listing(
        name=known.name,
        class_names=class_names,
        named=True,
        store=FileStore.of_files(root, images.files),
        labels=index,
        splits=np.array(images.splits),
    )


def folders_of(known: PublishedLists, spec: DataSpec) -> tuple[Path, Path]:
    """Folders of the images and of the lists. Raises: DataError if `root` is missing."""
    if "root" not in spec.options:
        raise DataError(
            f"{known.name}: give the folder of the images: {known.name}:root=DIR. "
            f"Get them from {known.images_from}."
        )
    root = Path(spec.options["root"]).expanduser()
    if not root.is_dir():
        raise DataError(
            f"{known.name}: root={root} is not a folder. Get the images from {known.images_from}."
        )
    return root, Path(spec.options.get("lists", root)).expanduser()


def find_images(known: PublishedLists, listed: Path, root: Path, files: list[str]) -> None:
    """Check that listed images exist. Raises: DataError naming a missing one and its source."""
    try:
        check_present(listed, root, files)
    except DataError as error:
        raise DataError(f"{error} The images come from {known.images_from}.") from error


def _read_list(path: Path, known: PublishedLists) -> tuple[list[str], list[int]]:
    """Paths and labels of a list."""
    if not path.is_file():
        raise DataError(
            f"{known.name}: the list {path} is missing. Get it from {known.lists_from}, or "
            "give its folder: lists=DIR."
        )
    columns = text_table(path).columns
    try:
        return columns["path"].values, [int(label) for label in columns["label"].values]
    except ValueError as error:
        raise DataError(
            f"{path}: a label is not a number ({error}). Download the list again."
        ) from error


def _class_name(path: str) -> str:
    """data_256/a/apartment_building/outdoor/1.jpg -> apartment_building/outdoor."""
    inside = "/".join(path.split("/")[1:-1])
    return re.sub(r"^[a-z]/", "", inside)


def _below(root: Path, paths: list[str], listed: Path, known: PublishedLists) -> list[str]:
    """Paths as they are below `root`, with or without their leading folder."""
    first = paths[0] if paths else ""
    short = first.partition("/")[2]
    if short and not (root / first).exists() and (root / short).exists():
        paths = [path.partition("/")[2] for path in paths]
    find_images(known, listed, root, paths)
    return paths
