"""The orientation of a photograph, from its EXIF or XMP record."""

import re

from PIL import Image

from lpt.data.images.containers.tiff_tags import read_tags

__all__ = ["read_orientation", "turned"]

_TAG = 274
_XMP = re.compile(rb'tiff:Orientation(="|>)([0-9])')
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def read_orientation(exif: bytes | None, xmp: bytes | None) -> int:
    """Return the EXIF orientation, 1 to 8; 1 (upright) if it is missing or unreadable.

    XMP decides only if the EXIF record has no orientation.
    """
    if exif is not None:
        tags = read_tags(re.sub(rb"^(Exif\0\0){1,2}", b"", exif))
        if tags is None:
            return 1
        if _TAG in tags.values:
            return tags.first(_TAG, 1)
    found = _XMP.search(xmp) if xmp else None
    return int(found[2]) if found else 1


def turned(image: Image.Image, orientation: int) -> Image.Image:
    """Return an image turned upright."""
    turn = _TURNS.get(orientation)
    return image if turn is None else image.transpose(turn)
