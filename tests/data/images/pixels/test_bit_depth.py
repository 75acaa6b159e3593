"""Of 16 bits, those that are used are kept."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from lpt.data.images.decode import decode
from lpt.data.images.pixels.bit_depth import used_bits

from ..containers.files import chunk, png_with, saved, tiff

GREY = np.linspace(0, 255, 48).astype(np.uint16).reshape(6, 8)


def decoded(data: bytes) -> np.ndarray:
    return np.asarray(decode(data, name="x"))[:, :, 0]


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_every_usual_depth_gives_the_same_picture(kind, bits):
    image = Image.fromarray(GREY << (bits - 8))
    assert np.array_equal(decoded(saved(image, kind)), GREY)


def test_integers_of_32_bits_follow_the_same_rule():
    image = Image.fromarray(GREY.astype(np.int32))
    assert np.array_equal(decoded(saved(image, "TIFF")), GREY)


def test_full_values_lose_their_lower_8_bits_as_before():
    values = np.array([[0, 256, 32_768, 65_535]], dtype=np.uint16)
    assert decoded(saved(Image.fromarray(values), "PNG")).tolist() == [[0, 1, 128, 255]]


def test_a_dark_picture_of_a_stated_depth_stays_dark():
    data = saved(Image.fromarray(GREY), "PNG")  # 8 bits of stated 12
    assert np.array_equal(decoded(png_with(data, chunk(b"sBIT", b"\x0c"))), GREY >> 4)
    assert np.array_equal(decoded(grey_tiff(GREY, 1, (281, 3, 1, 4095))), GREY >> 4)


def grey_tiff(values: np.ndarray, photometric: int, *more: tuple[int, int, int, int]) -> bytes:
    height, width = values.shape
    entries = [(256, 3, 1, width), (257, 3, 1, height), (258, 3, 1, 16), (259, 3, 1, 1), *more]
    entries += [(262, 3, 1, photometric), (277, 3, 1, 1), (278, 3, 1, height)]
    entries += [(279, 4, 1, 2 * values.size), (273, 4, 1, 8 + 2 + 12 * (len(entries) + 2) + 4)]
    return tiff(entries, values.astype("<u2").tobytes())


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_white_is_zero_is_not_inverted(bits):
    values = GREY << (bits - 8)
    assert np.array_equal(decoded(grey_tiff(values, 0)), 255 - GREY)
    assert np.array_equal(decoded(grey_tiff(values, 1)), GREY)


@given(st.integers(0, 65_535), st.none() | st.integers(0, 20))
def test_the_largest_value_fits_and_uses_a_quarter_of_the_range(largest, stated):
    bits = used_bits(largest, stated)
    assert 8 <= bits <= 16
    assert largest < 1 << bits
    if stated is None and bits > 8:
        assert largest >= 1 << bits - 2


def test_a_wide_image_is_converted_strip_by_strip_to_the_same_values():
    values = np.random.default_rng(0).integers(0, 65_536, (1500, 1100), dtype=np.uint16)
    stream = io.BytesIO()
    Image.fromarray(values).save(stream, "PNG", compress_level=1)
    assert np.array_equal(decoded(stream.getvalue()), values >> 8)
