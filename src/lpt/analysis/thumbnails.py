"""Thumbnails of the images in a report."""

import io
from collections.abc import Iterable
from pathlib import Path

from lpt.data.images.decode import decode
from lpt.data.manifest import Split
from lpt.errors import DataError
from lpt.files.atomic_files import write_bytes

__all__ = ["SIDE", "TRAINING", "save_thumbnails", "thumbnail_file"]

SIDE = 112
"""Longer side of a thumbnail, in pixels."""

TRAINING = "train-"
"""Prefix of the thumbnails of training images."""

QUALITY = 80  # of JPEG


def thumbnail_file(folder: Path, index: int, prefix: str = "") -> Path:
    """Return the path of a thumbnail.

    Args:
        folder: folder of the analysis.
        index: position of the image in its split.
        prefix: of the file's name, for images of another split than the analysed one.
    """
    return folder / "images" / f"{prefix}{index}.jpg"


def save_thumbnails(folder: Path, split: Split, indices: Iterable[int], prefix: str = "") -> None:
    """Write a JPEG thumbnail of each image; an image that cannot be decoded is skipped."""
    for index in sorted(set(indices)):
        try:
            image = decode(
                split.read(index),
                name=split.name_of(index),
                max_pixels=split.max_pixels,
                target=SIDE,
            )
        except DataError:
            continue
        image.thumbnail((SIDE, SIDE))
        data = io.BytesIO()
        image.save(data, "JPEG", quality=QUALITY)
        write_bytes(thumbnail_file(folder, index, prefix), data.getvalue())
