"""Comments and extensions of a GIF do not slow its first frame down."""

import numpy as np
import pytest
from PIL import Image

from lpt.data.images.containers.gif_blocks import reduce_gif
from lpt.data.images.decode import decode, read_header
from lpt.errors import DataError

from .files import saved

FRAMES = [Image.new("P", (20, 12), value) for value in (0, 1)]
for frame in FRAMES:
    frame.putpalette([200, 0, 0, 0, 0, 200])
GIF = saved(FRAMES[0], "GIF", transparency=0)
START = 13 + (3 << (GIF[10] & 7) + 1)


def with_extension(data: bytes) -> bytes:
    return GIF[:START] + data + GIF[START:]


def test_a_long_comment_is_dropped_and_transparency_stays():
    data = with_extension(b"!\xfe" + b"\1a" * 500_000 + b"\0")
    assert len(reduce_gif(data, "x").data) < 1000
    assert np.array_equal(decode(data, name="x"), decode(GIF, name="x"))
    assert decode(data, name="x").getpixel((3, 3)) == (255, 255, 255)


def test_a_short_file_is_not_changed():
    assert reduce_gif(GIF, "x").data is GIF


def test_extensions_without_end_are_refused():
    with pytest.raises(DataError, match=r"^x: more than 10,000 extensions"):
        decode(with_extension(b"!\xf9\0" * 10_001), name="x")


def test_a_second_frame_is_noticed():
    film = saved(FRAMES[0], "GIF", save_all=True, append_images=FRAMES[1:])
    assert read_header(film, name="x").animated
    assert not read_header(GIF, name="x").animated
