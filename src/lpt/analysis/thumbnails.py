"""Thumbnails of the images in a report."""

import io
from collections.abc import Iterable
from pathlib import Path

from lpt.data.images.decode import decode
from lpt.data.manifest import Split
from lpt.errors import DataError
from lpt.files.atomic_files import write_bytes

__all__ = ["SIDE", "TRAINING", "save_thumbnails", "thumbnail", "thumbnail_file"]

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
            small = thumbnail(split.read(index), split, index)
        except DataError:
            continue
        write_bytes(thumbnail_file(folder, index, prefix), small)


def thumbnail(data: bytes, split: Split, index: int, side: int = SIDE) -> bytes:
    """Return a JPEG of an image.

    Args:
        data: the image as it is stored.
        split: that it belongs to.
        index: its position there.
        side: longest side of the JPEG in pixels.
    Raises: DataError if it cannot be decoded.
    """
    name = split.name_of(index)
    image = decode(data, name=name, max_pixels=split.max_pixels, target=side)
    image.thumbnail((side, side))
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=QUALITY)
    return stream.getvalue()
