"""Places-LT and ImageNet-LT: the user's images, split by the published lists."""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lpt.data.image_stores import FileStore
from lpt.data.sources.csv_lists import check_present, text_columns
from lpt.data.sources.data_string import DataSpec
from lpt.data.sources.listing import Listing, class_indices
from lpt.errors import DataError

__all__ = ["IMAGENET_LT", "PLACES_LT", "Published", "folders_of", "read_published", "verify_counts"]


@dataclass(frozen=True)
class Published:
    """A set whose images the user has and whose splits are published as lists.

    Attributes:
        name: as on the command line.
        lists: file name of the list of each split.
        images: number of images of each split.
        num_classes, largest, smallest: of the training split.
        lists_from, images_from: where to get them.
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

PLACES_LT = Published(
    name="places-lt",
    lists={split: f"Places_LT_{split}.txt" for split in ("train", "val", "test")},
    images={"train": 62_500, "val": 7_300, "test": 36_500},
    num_classes=365,
    largest=4_980,
    smallest=5,
    lists_from=_OLTR,
    images_from="http://places2.csail.mit.edu/download.html (Places365-Standard, 256 x 256)",
)
IMAGENET_LT = Published(
    name="imagenet-lt",
    lists={split: f"ImageNet_LT_{split}.txt" for split in ("train", "val", "test")},
    images={"train": 115_846, "val": 20_000, "test": 50_000},
    num_classes=1_000,
    largest=1_280,
    smallest=5,
    lists_from=_OLTR,
    images_from="https://image-net.org/challenges/LSVRC/2012 (train and val, a folder a class)",
)


def read_published(known: Published, spec: DataSpec) -> Listing:
    """Read the lists (`path label` on each line) against the images below `root`.

    Classes are named by the folder of their training images: the WordNet id for ImageNet, the
    category for Places. The lists' leading folder (`data_256/`) may be missing below `root`.

    Args:
        known: what was published.
        spec: option `root`, the folder of the images, and `lists`, the folder of the lists if they
            are elsewhere.
    Raises: DataError naming exactly the file that is missing and where to get it, or the list
        whose numbers are not the published ones.
    """
    root, lists = folders_of(known, spec)
    files: list[str] = []
    labels: list[int] = []
    splits: list[str] = []
    names: list[str] = []
    by_label: dict[int, str] = {}
    for split, file in known.lists.items():
        path = lists / file
        if not path.is_file():
            raise DataError(
                f"{known.name}: the list {path} is missing. Get it from {known.lists_from}, or "
                "name its folder: lists=DIR."
            )
        columns = text_columns(path)
        try:
            numbers = [int(label) for label in columns["label"]]
        except ValueError as error:
            raise DataError(
                f"{path}: a label is not a number ({error}). Fetch it again."
            ) from error
        if split == "train":
            names = [_class_name(image) for image in columns["path"]]
            by_label = dict(zip(numbers, names, strict=True))
        else:
            names += [by_label.get(label, "") for label in numbers]
        files += _below(root, columns["path"], path, known)
        labels += numbers
        splits += [split] * len(numbers)
    verify_counts(known, labels, splits)
    class_names, index, _ = class_indices(np.array(labels), np.array(names), known.name)
    return Listing(
        name=known.name,
        class_names=class_names,
        named=True,
        store=FileStore.of_files(root, files),
        labels=index,
        splits=np.array(splits),
    )


def folders_of(known: Published, spec: DataSpec) -> tuple[Path, Path]:
    """Folder of the images and folder of the lists. Raises: DataError if `root` is not given."""
    if "root" not in spec.options:
        raise DataError(
            f"{known.name}: name the folder of the images: {known.name}:root=DIR. "
            f"Get them from {known.images_from}."
        )
    root = Path(spec.options["root"]).expanduser()
    if not root.is_dir():
        raise DataError(
            f"{known.name}: root={root} is no folder. Get the images from {known.images_from}."
        )
    return root, Path(spec.options.get("lists", root)).expanduser()


def verify_counts(known: Published, labels: list[int], splits: list[str]) -> None:
    """Raises: DataError naming the list whose numbers are not the published ones."""
    for split, expected in known.images.items():
        found = splits.count(split)
        if found != expected:
            raise DataError(
                f"{known.name}: {known.lists[split]} names {found:,} images, published are "
                f"{expected:,}. Get the list again from {known.lists_from}."
            )
    n = Counter(label for label, split in zip(labels, splits, strict=True) if split == "train")
    told = (len(n), max(n.values()), min(n.values()))
    if told != (known.num_classes, known.largest, known.smallest) or set(labels) != set(n):
        raise DataError(
            f"{known.name}: {known.lists['train']} has {told[0]} classes of {told[1]} to {told[2]} "
            f"images, published are {known.num_classes} of {known.largest} to {known.smallest}. "
            f"Get the list again from {known.lists_from}."
        )


def _class_name(path: str) -> str:
    """data_256/a/apartment_building/outdoor/1.jpg -> apartment_building/outdoor."""
    inside = "/".join(path.split("/")[1:-1])
    return re.sub(r"^[a-z]/", "", inside)


def _below(root: Path, paths: list[str], listed: Path, known: Published) -> list[str]:
    """The paths as they are below `root`, with or without their leading folder."""
    first = paths[0] if paths else ""
    short = first.partition("/")[2]
    if short and not (root / first).exists() and (root / short).exists():
        paths = [path.partition("/")[2] for path in paths]
    try:
        check_present(listed, root, paths)
    except DataError as error:
        raise DataError(f"{error} The images come from {known.images_from}.") from error
    return paths
