"""Shifted test sets: data from other sources with classes of a trained model."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lpt.data.manifest import Split
from lpt.data.sources.class_folders import read_folder
from lpt.data.sources.data_string import path_exists
from lpt.data.sources.label_rules import class_places
from lpt.data.sources.listing import Listing
from lpt.data.sources.open_data import open_test
from lpt.errors import DataError
from lpt.files.json_files import MAX_JSON_BYTES, json_value
from lpt.files.regular_files import read_regular

__all__ = ["ShiftedSet", "open_shifted"]

_SEVERITIES = frozenset("12345")
_OBJECTNET_BORDER = 2
_WORDNET_ID = re.compile(r"n[0-9]+")


@dataclass(frozen=True)
class ShiftedSet:
    """Images of some of a model's classes, collected differently from its training images.

    Predictions are restricted to the F classes of the set: `restrict` reduces the logits of all C
    classes to these.

    Attributes:
        name: name in tables.
        split: the images; labels are indices 0..F-1 into `names`.
        names: (F,) class names of the set.
        members: for each of the F classes, the class indices of the model that it covers: one,
            except in ObjectNet, where a class may cover several ImageNet classes.
        border: pixels to remove from each side of an image (ObjectNet has a red border).
        kind, severity: the corruption (ImageNet-C), severity 1 to 5; "" and 0 for other sets.
        notes: lines about the data that people should see, such as what was left out.
    """

    name: str
    split: Split
    names: tuple[str, ...]
    members: tuple[tuple[int, ...], ...]
    border: int = 0
    kind: str = ""
    severity: int = 0
    notes: tuple[str, ...] = ()

    def restrict(self, logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Take the largest logit of the members of each class: (n, C) -> (n, F)."""
        return np.stack([logits[:, list(own)].max(axis=1) for own in self.members], axis=1)


def open_shifted(name: str, spec: str | Path, class_names: Sequence[str]) -> tuple[ShiftedSet, ...]:
    """Open a shifted test set; its type is inferred from its folder layout.

    Names decide: a folder of class folders that have names of the model's classes is never taken
    for one of the published layouts.

    - ObjectNet: `images/` and `mappings/`; its classes are mapped to those of ImageNet.
    - ImageNet-C: `[GROUP/]CORRUPTION/1..5/CLASS/`, with names of the model's classes; one set per
      corruption and severity.
    - ImageNet-V2: folders `0` to `999`, the ranks of the classes in sorted order of WordNet ids,
      for a model whose classes are named by WordNet ids.
    - Anything else (ImageNet-Sketch, -R, -A, another domain): classes are matched by name, in data
      of any kind that `open_data` reads.

    Args:
        name: name in tables.
        spec: a folder, or other data that `open_data` reads.
        class_names: (C,) classes of the trained model.
    Returns: one set, or several for ImageNet-C.
    Raises: DataError naming a missing mapping, or a class that the model does not have.
    """
    if not path_exists(str(spec)):
        return (_by_name(name, spec, class_names),)
    root = Path(spec).expanduser()
    if _named_alike(_subfolders(root), class_names):
        return (_by_name(name, spec, class_names),)
    if (root / "mappings").is_dir() and (root / "images").is_dir():
        return (_objectnet(name, root, class_names),)
    leaves = _corruption_folders(root, class_names)
    if leaves:
        return tuple(
            replace(
                _by_name(f"{name} {kind}-{severity}", folder, class_names),
                kind=kind,
                severity=int(severity),
            )
            for (kind, severity), folder in leaves.items()
        )
    if _numbered(root) and all(map(_WORDNET_ID.fullmatch, class_names)):
        return (_by_number(name, root, class_names),)
    return (_by_name(name, spec, class_names),)


def _by_name(name: str, spec: str | Path, class_names: Sequence[str]) -> ShiftedSet:
    opened = open_test(spec, class_names)
    split = opened.split("test")
    classes, labels = np.unique(split.labels, return_inverse=True)
    return ShiftedSet(
        name,
        replace(split, labels=labels.astype(np.int64)),
        tuple(class_names[c] for c in classes),
        tuple((int(c),) for c in classes),
        notes=opened.notes,
    )


def _by_number(name: str, root: Path, class_names: Sequence[str]) -> ShiftedSet:
    listing = read_folder(root)
    order = _sorted_places(class_names)
    beyond = [n for n in listing.class_names if int(n) >= len(order)]
    if beyond:
        raise DataError(
            f"{root}: folder {beyond[0]!r} is a class number, but the model has {len(order)} "
            "classes. Choose a set with the same classes."
        )
    members: dict[str, tuple[int, ...]] = {
        folder: (order[int(folder)],) for folder in listing.class_names
    }
    names = {folder: class_names[own[0]] for folder, own in members.items()}
    return _from_folders(name, listing, members, names)


def _objectnet(name: str, root: Path, class_names: Sequence[str]) -> ShiftedSet:
    mappings = root / "mappings"
    label_of_folder = _json(mappings / "folder_to_objectnet_label.json")
    imagenet_of_label = _json(mappings / "objectnet_to_imagenet_1k.json")
    line_of_class = _json(mappings / "pytorch_to_imagenet_2012_id.json")
    text = _text(mappings / "imagenet_to_label_2012_v2").splitlines()
    order = _sorted_places(class_names)
    try:
        class_of_text = {text[int(line)].strip(): int(c) for c, line in line_of_class.items()}
        parts = {label: names.split("; ") for label, names in imagenet_of_label.items()}
        members = {
            folder: tuple(order[class_of_text[part]] for part in parts[label])
            for folder, label in label_of_folder.items()
            if label in parts
        }
    except (KeyError, IndexError, ValueError, AttributeError, TypeError) as error:
        raise DataError(
            f"{mappings}: does not map to the {len(order)} classes of the model ({error!r}). "
            "ObjectNet needs a model of all 1,000 ImageNet classes, named by WordNet id."
        ) from error
    listing = read_folder(root / "images")
    shared = {folder: own for folder, own in members.items() if folder in listing.class_names}
    if not shared:
        raise DataError(f"{root}/images: no folder is in {mappings}. Unpack ObjectNet again.")
    found = _from_folders(name, listing, shared, {f: label_of_folder[f] for f in shared})
    return replace(found, border=_OBJECTNET_BORDER)


def _from_folders(
    name: str, listing: Listing, members: dict[str, tuple[int, ...]], names: dict[str, str]
) -> ShiftedSet:
    """Select the images whose folder has members; labels are the ranks of these folders."""
    folders = [folder for folder in listing.class_names if folder in members]
    place = {folder: index for index, folder in enumerate(folders)}
    table = np.array([place.get(folder, -1) for folder in listing.class_names], dtype=np.int64)
    labels = table[listing.labels]
    kept = np.flatnonzero(labels >= 0)
    return ShiftedSet(
        name,
        Split("test", listing.store, kept, labels[kept]),
        tuple(names[folder] for folder in folders),
        tuple(members[folder] for folder in folders),
        notes=listing.notes,
    )


def _sorted_places(class_names: Sequence[str]) -> list[int]:
    """Class index of the i-th name in sorted order, in which ImageNet numbers its classes."""
    return sorted(range(len(class_names)), key=lambda index: class_names[index])


def _subfolders(root: Path) -> list[Path]:
    return sorted(path for path in root.iterdir() if path.is_dir()) if root.is_dir() else []


def _numbered(root: Path) -> bool:
    folders = _subfolders(root)
    return len(folders) > 1 and all(folder.name.isdecimal() for folder in folders)


def _named_alike(folders: Sequence[Path], class_names: Sequence[str]) -> bool:
    """Whether any folder has the name of a class."""
    places = class_places([folder.name for folder in folders], class_names)
    return any(place is not None for place in places)


def _corruption_folders(root: Path, class_names: Sequence[str]) -> dict[tuple[str, str], Path]:
    found = {}
    tops = _subfolders(root)
    for kind in [*tops, *(inner for top in tops for inner in _subfolders(top))]:
        levels = _subfolders(kind)
        if levels and {level.name for level in levels} <= _SEVERITIES:
            found.update({(kind.name, level.name): level for level in levels})
    # Other folders 1..5 are classes, or parts of a class: severities hold class folders.
    return {
        key: folder
        for key, folder in found.items()
        if _named_alike(_subfolders(folder), class_names)
    }


def _text(path: Path) -> str:
    try:
        return read_regular(path, MAX_JSON_BYTES).decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8. Unpack ObjectNet with its mappings.") from error


def _json(path: Path) -> Any:
    return json_value(
        _text(path),
        lambda reason: DataError(
            f"{path}: not readable as JSON ({reason}). Unpack ObjectNet again."
        ),
    )
