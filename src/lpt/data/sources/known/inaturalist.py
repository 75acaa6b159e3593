"""iNaturalist 2018: the user's images, split by the competition's JSON files."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from lpt.data.image_stores import FileStore
from lpt.data.sources.csv_lists import check_present
from lpt.data.sources.data_string import DataSpec
from lpt.data.sources.known.published_lists import Published, folders_of, verify_counts
from lpt.data.sources.listing import Listing
from lpt.errors import DataError

__all__ = ["INATURALIST_2018", "read_inaturalist"]

_SITE = "https://github.com/visipedia/inat_comp/tree/master/2018"

INATURALIST_2018 = Published(
    name="inaturalist2018",
    lists={"train": "train2018.json", "test": "val2018.json"},
    images={"train": 437_513, "test": 24_426},
    num_classes=8_142,
    largest=1_000,
    smallest=2,
    lists_from=_SITE,
    images_from=_SITE,
)


def read_inaturalist(known: Published, spec: DataSpec) -> Listing:
    """Read the JSON files against the images below `root` (which holds train_val2018).

    The competition's validation images are the test split, as everywhere in the field. Species
    names come from `categories.json` if it lies beside the lists, else classes are named by number.

    Raises: DataError naming exactly the file that is missing and where to get it, or the list
        whose numbers are not the published ones.
    """
    root, lists = folders_of(known, spec)
    files: list[str] = []
    labels: list[int] = []
    splits: list[str] = []
    for split, file in known.lists.items():
        told = _load(lists / file, known)
        try:
            names = {image["id"]: str(image["file_name"]) for image in told["images"]}
            pairs = [(names[a["image_id"]], int(a["category_id"])) for a in told["annotations"]]
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"{lists / file}: not a list of images with annotations ({error!r}). "
                f"Get it again from {known.lists_from}."
            ) from error
        files += [path for path, _ in pairs]
        labels += [label for _, label in pairs]
        splits += [split] * len(pairs)
    verify_counts(known, labels, splits)
    try:
        check_present(lists / known.lists["train"], root, files)
    except DataError as error:
        raise DataError(f"{error} The images come from {known.images_from}.") from error
    numbers, index = np.unique(np.array(labels), return_inverse=True)
    return Listing(
        name=known.name,
        class_names=_species(lists / "categories.json", numbers.tolist(), known),
        named=True,
        store=FileStore.of_files(root, files),
        labels=index.astype(np.int64),
        splits=np.array(splits),
    )


def _load(path: Path, known: Published) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError(
            f"{known.name}: the list {path} is missing. Get it from {known.lists_from}, or name "
            "its folder: lists=DIR."
        ) from error
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path}: not readable as JSON ({str(error)[:80]}). Get it again from "
            f"{known.lists_from}."
        ) from error


def _species(path: Path, numbers: list[int], known: Published) -> tuple[str, ...]:
    if not path.exists():
        return tuple(str(number) for number in numbers)
    try:
        name = {int(told["id"]): str(told["name"]) for told in _load(path, known)}
        names = tuple(name[number] for number in numbers)
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{path}: not a list of categories with id and name ({error!r}). Remove it, or get it "
            f"again from {known.lists_from}."
        ) from error
    if len(set(names)) < len(names):
        return tuple(f"{name} ({number})" for name, number in zip(names, numbers, strict=True))
    return names
