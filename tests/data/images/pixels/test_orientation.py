"""Orientation is read as Pillow reads it."""

import pytest
from PIL import Image

from lpt.data.images.pixels.orientation import read_orientation, turned


def record(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif.tobytes()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_decides_over_xmp(orientation):
    xmp = b'<x tiff:Orientation="3"/>'
    assert read_orientation(record(orientation), xmp) == orientation
    assert read_orientation(record(orientation).removeprefix(b"Exif\0\0"), None) == orientation


def test_xmp_decides_if_exif_says_nothing():
    other = Image.Exif()
    other[0x010F] = "a camera"
    assert read_orientation(other.tobytes(), b"<tiff:Orientation>8</tiff:Orientation>") == 8
    assert read_orientation(None, b'tiff:Orientation="6"') == 6


@pytest.mark.parametrize(
    "exif", [None, b"", b"Exif\0\0", b"Exif\0\0MM\0*\xff\xff\xff\xff", b"junk"]
)
def test_what_cannot_be_read_is_upright(exif):
    assert read_orientation(exif, None) == 1


@pytest.mark.parametrize("orientation", [0, 1, 9, 77])
def test_unknown_orientations_turn_nothing(orientation):
    image = Image.new("RGB", (3, 2))
    assert turned(image, orientation) is image
