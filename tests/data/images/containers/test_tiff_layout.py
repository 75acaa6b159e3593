"""A sound TIFF that is not a picture is named as what it is."""

import pytest

from lpt.data.images.containers.tiff_layout import explain_tiff
from lpt.data.images.decode import ImageError, decode

from .files import tiff


def layout(bands: int, bits: int, form: int, photometric: int = 1) -> bytes:
    size = 8 * 6 * bands * bits // 8
    entries = [(256, 3, 1, 8), (257, 3, 1, 6), (259, 3, 1, 1), (262, 3, 1, photometric)]
    entries += [(277, 3, 1, bands), (278, 3, 1, 6), (279, 4, 1, size)]
    end = 8 + 2 + 12 * (len(entries) + 3) + 4
    lists = b"".join(n.to_bytes(2, "little") * bands for n in (bits, form))
    if bands == 1:
        entries += [(258, 3, 1, bits), (339, 3, 1, form)]
    elif bands == 2:
        entries += [(258, 3, 2, bits * 65_537), (339, 3, 2, form * 65_537)]
    else:
        entries += [(258, 3, bands, end), (339, 3, bands, end + 2 * bands)]
    entries += [(273, 4, 1, end + len(lists))]
    return tiff(entries, lists + bytes(size))


@pytest.mark.parametrize(
    ("bands", "bits", "form", "photometric", "what"),
    [
        (5, 8, 1, 2, "a TIFF of 5 bands of 8-bit unsigned integers"),
        (2, 8, 1, 1, "a TIFF of 2 bands of 8-bit unsigned integers"),
        (7, 16, 2, 1, "a TIFF of 7 bands of 16-bit signed integers"),
        (1, 64, 3, 1, "a TIFF of 1 band of 64-bit floats"),
        (3, 32, 3, 2, "a TIFF of 3 bands of 32-bit floats"),
    ],
)
def test_what_it_is_and_how_to_convert_it(bands, bits, form, photometric, what):
    with pytest.raises(ImageError, match=rf"^sea\.tif: {what} is not supported.*gdal") as caught:
        decode(layout(bands, bits, form, photometric), name="sea.tif")
    assert caught.value.kind == "unsupported"


def test_a_usual_layout_is_decoded():
    assert decode(layout(3, 8, 1, 2), name="x").size == (8, 6)


def test_unreadable_tags_explain_nothing():
    assert explain_tiff(b"II*\0") is None
