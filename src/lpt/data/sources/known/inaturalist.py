"""iNaturalist 2018: images that the user has, split by the JSON files of the competition."""

from pathlib import Path
from typing import Any

import numpy as np

from lpt.data.image_stores import FileStore
from lpt.data.sources.data_string import DataSpec
from lpt.data.sources.known.published_lists import (
    ListedImages,
    PublishedLists,
    find_images,
    folders_of,
)
from lpt.data.sources.listing import Listing
from lpt.errors import DataError
from lpt.files.json_files import json_value
from lpt.files.regular_files import read_regular

__all__ = ["INATURALIST_2018", "read_inaturalist"]

_SITE = "https://github.com/visipedia/inat_comp/tree/master/2018"

INATURALIST_2018 = PublishedLists(
    name="inaturalist2018",
    lists={"train": "train2018.json", "test": "val2018.json"},
    images={"train": 437_513, "test": 24_426},
    num_classes=8_142,
    largest=1_000,
    smallest=2,
    lists_from=_SITE,
    images_from=_SITE,
)


_MOST_BYTES = 2**29
"""Largest list; that of the training images has 125 MB."""


def read_inaturalist(known: PublishedLists, spec: DataSpec) -> Listing:
    """Read the JSON files and find their images below `root`, which has a folder train_val2018.

    The validation images of the competition are the test split, as is usual. Species names come
    from `categories.json` if it is in the folder of the lists; else classes are named by number.

    Args and Raises: as `lpt.data.sources.known.published_lists.read_published`.
    """
    root, lists = folders_of(known, spec)
    listed = ListedImages()
    for split, file in known.lists.items():
        content = _load(lists / file, known)
        try:
            names = {image["id"]: str(image["file_name"]) for image in content["images"]}
            marks = content["annotations"]
            paths = [names[mark["image_id"]] for mark in marks]
            labels = [int(mark["category_id"]) for mark in marks]
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"{lists / file}: not a list of images with annotations ({error!r}). "
                f"Download it again from {known.lists_from}."
            ) from error
        listed.add(split, paths, labels)
    listed.verify(known)
    find_images(known, lists / known.lists["train"], root, listed.files)
    numbers, index = np.unique(np.array(listed.labels), return_inverse=True)
    return Listing(
        name=known.name,
        class_names=_species(lists / "categories.json", numbers.tolist(), known),
        named=True,
        store=FileStore.of_files(root, listed.files),
        labels=index.astype(np.int64),
        splits=np.array(listed.splits),
    )


def _load(path: Path, known: PublishedLists) -> Any:
    if not path.exists():
        raise DataError(
            f"{known.name}: the list {path} is missing. Get it from {known.lists_from}, or give "
            "its folder: lists=DIR."
        )
    return json_value(
        read_regular(path, _MOST_BYTES),
        lambda reason: DataError(
            f"{path}: not readable as JSON ({reason}). Download it again from {known.lists_from}."
        ),
    )


def _species(path: Path, numbers: list[int], known: PublishedLists) -> tuple[str, ...]:
    if not path.exists():
        return tuple(str(number) for number in numbers)
    try:
        name = {int(entry["id"]): str(entry["name"]) for entry in _load(path, known)}
        names = tuple(name[number] for number in numbers)
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{path}: not a list of categories with id and name ({error!r}). Remove it, or "
            f"download it again from {known.lists_from}."
        ) from error
    if len(set(names)) < len(names):
        return tuple(f"{name} ({number})" for name, number in zip(names, numbers, strict=True))
    return names
