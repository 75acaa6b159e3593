"""Colours of 16 bits of which fewer are used."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from lpt.data.images.decode import decode

from ..containers.files import chunk, tiff

RNG = np.random.default_rng(0)
BRIGHT = RNG.integers(0, 256, (9, 7, 3)).astype(np.uint16)
BRIGHT[0, 0] = 255
ALPHA = RNG.integers(0, 256, (9, 7, 1)).astype(np.uint16)
ALPHA[0, 0] = 255


def png16(values: np.ndarray) -> bytes:
    """A PNG of 16-bit samples, 2 (grey, alpha), 3 or 4 bands, with every kind of filter."""
    height, width, bands = values.shape
    rows = values.astype(">u2").tobytes()
    n = 2 * bands * width
    body = b"".join(b"\0" + rows[k * n : (k + 1) * n] for k in range(height))
    colour = {2: 4, 3: 2, 4: 6}[bands]
    header = struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    return start + chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b"")


def tiff16(values: np.ndarray, compression: int = 1) -> bytes:
    height, width, bands = values.shape
    pixels = values.astype("<u2").tobytes()
    pixels = pixels if compression == 1 else zlib.compress(pixels)
    entries = [(256, 3, 1, width), (257, 3, 1, height), (259, 3, 1, compression), (262, 3, 1, 2)]
    entries += [(277, 3, 1, bands), (278, 3, 1, height), (279, 4, 1, len(pixels))]
    end = 8 + 2 + 12 * (len(entries) + 2) + 4
    entries += [(258, 3, bands, end), (273, 4, 1, end + 2 * bands)]
    return tiff(entries, struct.pack(f"<{bands}H", *[16] * bands) + pixels)


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("make", [png16, tiff16, lambda v: tiff16(v, 8)], ids=["PNG", "raw", "zip"])
def test_every_depth_of_colours_gives_the_same_picture(make, bits):
    got = np.asarray(decode(make(BRIGHT << (bits - 8)), name="x"))
    assert np.array_equal(got, BRIGHT)


def on_white(colours: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    rgba = Image.fromarray(np.concatenate([colours, alpha], 2).astype(np.uint8))
    return np.asarray(Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba))[:, :, :3]


@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("alpha_bits", [8, 16])
def test_alpha_has_a_depth_of_its_own(bits, alpha_bits):
    alpha = ALPHA << (alpha_bits - 8)
    values = np.concatenate([BRIGHT << (bits - 8), alpha], 2)
    assert np.array_equal(decode(png16(values), name="x"), on_white(BRIGHT, ALPHA))
    grey = np.concatenate([BRIGHT[:, :, :1] << (bits - 8), alpha], 2)
    expected = on_white(BRIGHT[:, :, [0, 0, 0]], ALPHA)
    assert np.array_equal(decode(png16(grey), name="x"), expected)


def test_colours_keep_their_ratios():
    blueish = BRIGHT.copy()
    blueish[:, :, :2] >>= 4
    assert np.array_equal(decode(png16(blueish << 4), name="x"), blueish)
