"""The cost of an image is known before its decoder is called."""

import pytest
from PIL import Image

from lpt.data.images.containers.examine import examine
from lpt.data.images.decode import ImageError, decode

from .files import saved, tiff, webp_of_one_colour


def test_a_webp_of_28_bytes_does_not_take_a_gigabyte():
    data = webp_of_one_colour(9459, 9459)
    assert len(data) < 40
    assert examine(data, "x").size == (9459, 9459)
    with pytest.raises(ImageError, match=r"of WebP need 1\.43 GB .* raise the limit") as caught:
        decode(data, name="x")
    assert caught.value.kind == "too-large"
    assert decode(webp_of_one_colour(300, 200), name="x").size == (300, 200)


@pytest.mark.parametrize("options", [{}, {"lossless": True}, {"exif": b"Exif\0\0MM"}])
def test_the_size_of_each_kind_of_webp_is_read(options):
    image = Image.new("RGBA" if options.get("lossless") else "RGB", (123, 77))
    assert examine(saved(image, "WEBP", **options), "x").size == (123, 77)


def test_the_strips_of_a_compressed_tiff_count():
    image = Image.new("RGB", (100, 80))
    assert examine(saved(image, "TIFF"), "x").codec_bytes == 0
    assert 0 < examine(saved(image, "TIFF", compression="tiff_lzw"), "x").codec_bytes <= 3
    tags = [(256, 3, 1, 10), (257, 3, 1, 10), (258, 3, 1, 8), (259, 3, 1, 5)]
    tile = tiff([*tags, (322, 3, 1, 60_000), (323, 3, 1, 60_000)])
    assert examine(tile, "x").codec_bytes * 100 == 60_000**2


def test_grey_of_which_0_is_white_and_stated_depths_are_noticed():
    assert examine(tiff([(262, 3, 1, 0), (258, 3, 1, 16)]), "x").white_is_zero
    assert examine(tiff([(258, 3, 1, 12)]), "x").stated_bits == 12
    assert examine(tiff([(258, 3, 1, 16), (281, 3, 1, 4095)]), "x").stated_bits == 12
