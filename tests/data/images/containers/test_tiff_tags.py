"""Tags are read one by one, so a small file never takes much memory."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, TiffImagePlugin

from lpt.data.images.containers.tiff_tags import read_tags
from lpt.data.images.decode import decode
from lpt.errors import DataError

from .files import saved, tiff


@pytest.mark.parametrize("big", [False, True])
def test_numbers_are_read_as_pillow_reads_them(big):
    data = saved(Image.new("RGB", (40, 30)), "TIFF", big_tiff=big)
    tags = read_tags(data)
    assert tags is not None
    assert (tags.first(256, 0), tags.first(257, 0)) == (40, 30)
    assert tags.values[258] == (8, 8, 8)
    assert not tags.more


def test_big_endian_files_are_read():
    directory = TiffImagePlugin.ImageFileDirectory_v2(prefix=b"MM")
    directory[256], directory[339] = 500, 3
    data = b"MM\0*\0\0\0\x08" + directory.tobytes(8)
    tags = read_tags(data)
    assert tags is not None
    assert tags.first(256, 0) == 500
    assert tags.first(339, 0) == 3


def test_a_second_page_is_noticed():
    page = Image.new("L", (4, 4))
    tags = read_tags(saved(page, "TIFF", save_all=True, append_images=[page]))
    assert tags is not None
    assert tags.more


def test_tags_that_all_claim_the_whole_file_are_refused():
    data = tiff([(1000 + k, 7, 60_000, 0) for k in range(5000)])
    with pytest.raises(DataError, match=r"^x: the tags of the TIFF claim more bytes"):
        decode(data, name="x")


@given(st.binary(max_size=200))
def test_any_bytes_are_tags_or_none(data):
    for start in (b"", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08", b"II+\0\x08\0\0\0"):
        found = read_tags(start + data)
        assert found is None or all(isinstance(v, tuple) and v for v in found.values.values())


def test_orientation_of_tiff_pixels_is_applied_once():
    pixels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    exif = Image.Exif()
    exif[0x0112] = 6
    got = decode(saved(Image.fromarray(pixels), "TIFF", exif=exif), name="x")
    assert np.array_equal(np.asarray(got)[:, :, 0], np.rot90(pixels, -1))
