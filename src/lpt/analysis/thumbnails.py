"""Small pictures of the images that a report shows."""

import io
from collections.abc import Iterable
from pathlib import Path

from lpt.data.images.decode import decode
from lpt.data.manifest import Split
from lpt.errors import DataError
from lpt.files import write_bytes

__all__ = ["save_thumbnails", "thumbnail_file"]

SIDE = 112
QUALITY = 80


def thumbnail_file(folder: Path, index: int) -> Path:
    """Where the picture of the image at `index` of the split is."""
    return folder / "images" / f"{index}.jpg"


def save_thumbnails(folder: Path, split: Split, indices: Iterable[int]) -> None:
    """Write a small JPEG of each image; one that cannot be decoded is left out."""
    for index in sorted(set(indices)):
        try:
            image = decode(split.read(index), name=split.name_of(index), target=SIDE)
        except DataError:
            continue
        image.thumbnail((SIDE, SIDE))
        data = io.BytesIO()
        image.save(data, "JPEG", quality=QUALITY)
        write_bytes(thumbnail_file(folder, index), data.getvalue())
