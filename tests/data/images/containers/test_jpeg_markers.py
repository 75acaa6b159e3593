"""The header of a JPEG says what decoding costs, and is itself bounded."""

import struct
import time

import numpy as np
import pytest
from PIL import Image

from lpt.data.images.containers.jpeg_markers import examine_jpeg
from lpt.data.images.decode import ImageError, decode

from .files import jpeg_of_scans, saved, segment

PICTURE = Image.fromarray(np.arange(64 * 48 * 3, dtype=np.uint8).reshape(48, 64, 3))
JPEG = saved(PICTURE, "JPEG")


def test_scans_of_progressive_files_are_counted_and_their_memory_is_known():
    plain, ten = examine_jpeg(JPEG, "x"), saved(PICTURE, "JPEG", progressive=True)
    assert (plain.scans, plain.codec_bytes) == (1, 0)
    found = examine_jpeg(ten, "x")
    assert found.scans == ten.count(b"\xff\xda") > 5
    assert found.codec_bytes == 3  # 2 bytes per coefficient: brightness, and colours at a quarter
    assert examine_jpeg(jpeg_of_scans(64, 500), "x").scans == 500


def test_a_film_behind_the_photograph_holds_no_scans():
    still = saved(PICTURE, "JPEG", progressive=True)
    motion = still + b"\xff\xda film " * 1000
    assert examine_jpeg(motion, "x").scans == examine_jpeg(still, "x").scans
    assert decode(motion, name="x", max_pixels=64 * 48).size == PICTURE.size


def test_thousands_of_scans_are_refused_before_they_are_decoded():
    data = jpeg_of_scans(2000, 3000)
    began = time.perf_counter()
    with pytest.raises(ImageError, match=r"2000 x 2000 pixels in 3,000 scans") as caught:
        decode(data, name="x")
    assert caught.value.kind == "too-large"
    assert time.perf_counter() - began < 1
    assert decode(jpeg_of_scans(2000, 20), name="x").size == (2000, 2000)


@pytest.mark.parametrize("extra", [segment(0xFE, b"") * 20_000, b"\xff" * 100_000, b"\0" * 100_000])
def test_a_header_without_end_is_refused(extra):
    data = JPEG[:2] + JPEG[2:20] + extra + JPEG[20:]
    with pytest.raises(ImageError, match=r"^x: its header has more than 10,000 segments"):
        decode(data, name="x")


def test_an_exif_record_that_claims_more_than_it_holds_is_left_out():
    entries = b"".join(struct.pack(">HHII", 1000 + k, 7, 60_000, 0) for k in range(5000))
    record = b"MM\0*\0\0\0\x08" + struct.pack(">H", 5000) + entries + bytes(4)
    data = JPEG[:2] + segment(0xE1, b"Exif\0\0" + record) + JPEG[2:]
    assert examine_jpeg(data, "x").data == JPEG
    assert np.array_equal(decode(data, name="x"), decode(JPEG, name="x"))
