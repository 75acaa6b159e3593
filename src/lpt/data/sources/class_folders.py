"""Folders of class folders, optionally divided into train, val and test."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from lpt.data.image_stores import FileStore
from lpt.data.images.decode import FORMATS, SUFFIXES
from lpt.data.sources.listing import Listing, SplitWords
from lpt.errors import DataError

__all__ = ["read_folder"]

# Image formats that cannot be decoded here. Ignoring such files silently would lose data.
_FOREIGN = frozenset(
    f".{kind}"
    for kind in (
        *("heic", "heif", "avif", "jxl", "jp2", "j2k", "svg", "psd", "xcf", "eps", "tga", "ico"),
        *("pcx", "ppm", "pgm", "dng", "cr2", "cr3", "nef", "arw", "raw", "dcm", "exr", "hdr"),
    )
)


def read_folder(root: Path, *, splits: SplitWords | None = None) -> Listing:
    """List `root/CLASS/**/image` or `root/{train,val,test}/CLASS/**/image`, classes by name.

    Other files (notes, hidden files) are ignored. Images of unsupported formats are an error.

    Raises: DataError naming an empty class folder, a folder without classes, or an unsupported
        image.
    """
    tops = _folders(root)
    words = splits or SplitWords()
    found_splits = {folder: words.split_of(folder.name) for folder in tops}
    if any(found_splits.values()) and not all(found_splits.values()):
        odd = next(folder for folder, split in found_splits.items() if not split)
        raise DataError(
            f"{root}: mixes split folders (train, val, test) with others such as {odd.name!r}. "
            "Move the others elsewhere."
        )
    parts = found_splits if any(found_splits.values()) else {root: ""}
    paths: list[str] = []
    labels: list[str] = []
    kinds: list[str] = []
    for part, split in parts.items():
        classes = _folders(part)
        if not classes:
            raise DataError(
                f"{part}: no class folders. Put the images of each class in a separate folder, "
                "or give a list or a Parquet file."
            )
        for folder in classes:
            found = [os.path.relpath(path, root) for path in _images(folder)]
            if not found:
                raise DataError(
                    f"{folder}: the class folder has no images ({', '.join(FORMATS)}). "
                    "Add images, or remove the folder."
                )
            paths += found
            labels += [folder.name] * len(found)
            kinds += [split or ""] * len(found)
    names, index = np.unique(np.array(labels), return_inverse=True)
    return Listing(
        name=str(root),
        class_names=tuple(str(name) for name in names),
        named=True,
        store=FileStore.of_files(root, paths),
        labels=index.astype(np.int64),
        splits=np.array(kinds),
    )


def _folders(parent: Path) -> list[Path]:
    try:
        return sorted(p for p in parent.iterdir() if p.is_dir() and not p.name.startswith("."))
    except OSError as error:
        raise DataError(
            f"{parent}: cannot be listed ({error.strerror}). Check its permissions."
        ) from error


def _images(folder: Path) -> Iterator[str]:
    """Yield image files at any depth, sorted per folder; links to folders are not followed."""
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            suffix = f".{name.rpartition('.')[2].lower()}"
            if name.startswith("."):
                continue
            if suffix in _FOREIGN:
                raise DataError(
                    f"{parent}/{name}: {suffix} images are not supported, only "
                    f"{', '.join(FORMATS)}. Convert or remove the file."
                )
            if suffix in SUFFIXES:
                yield f"{parent}/{name}"
