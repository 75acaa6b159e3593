"""Only pixels decide whether a PNG can be read."""

import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from lpt.data.images.containers.png_chunks import reduce_png
from lpt.data.images.decode import decode, read_header
from lpt.errors import DataError

from .files import chunk, png_with, saved

PICTURE = Image.fromarray(np.arange(24 * 16 * 3, dtype=np.uint8).reshape(16, 24, 3))
PNG = saved(PICTURE, "PNG")
LONG = zlib.compress(b"a" * (3 << 20))


@pytest.mark.parametrize(
    "extra",
    [
        chunk(b"zTXt", b"workflow\0\0" + LONG),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + LONG),
        chunk(b"iCCP", b"icc\0\0" + LONG),
        chunk(b"tEXt", b"Author\0me", wrong=True),
        chunk(b"eXIf", b"MM broken"),
        chunk(b"acTL", b""),
    ],
    ids=["text", "xmp", "profile", "checksum", "exif", "animation"],
)
def test_large_or_damaged_metadata_beside_sound_pixels_is_not_read(extra):
    got = decode(png_with(PNG, extra), name="x")
    assert np.array_equal(got, PICTURE)


def test_a_file_of_needed_chunks_is_not_copied():
    assert reduce_png(PNG, "x").data is PNG


def test_a_hundred_thousand_chunks_of_metadata_take_no_time_in_the_decoder():
    data = png_with(PNG, chunk(b"abCd", b"") * 100_000)
    assert reduce_png(data, "x").data == PNG
    assert np.array_equal(decode(data, name="x"), PICTURE)


def test_more_pieces_of_pixels_than_any_encoder_writes_are_refused():
    with pytest.raises(DataError, match=r"^x: the PNG is cut into more than 100,000 chunks"):
        decode(png_with(PNG, chunk(b"IDAT", b"") * 100_001), name="x")


@pytest.mark.parametrize("zipped", [False, True])
def test_orientation_is_read_from_text_as_from_exif(zipped):
    exif = Image.Exif()
    exif[0x0112] = 6
    info = PngInfo()
    info.add_text("Raw profile type exif", f"\nexif\n  8\n{exif.tobytes().hex()}\n", zip=zipped)
    raw = saved(PICTURE, "PNG", pnginfo=info)
    info = PngInfo()
    info.add_itxt("XML:com.adobe.xmp", '<x tiff:Orientation="6"/>', zip=zipped)
    xmp = saved(PICTURE, "PNG", pnginfo=info)
    expected = PICTURE.transpose(Image.Transpose.ROTATE_270)
    for data in (raw, xmp, saved(PICTURE, "PNG", exif=exif)):
        assert np.array_equal(decode(data, name="x"), expected)


@pytest.mark.parametrize(("still_is_apart", "frames"), [(False, 2), (True, 1)])
def test_frames_are_counted_without_decoding_them(still_is_apart, frames):
    others = [PICTURE.rotate(180 * i) for i in range(1, frames + 1)]
    data = saved(PICTURE, "PNG", save_all=True, append_images=others, default_image=still_is_apart)
    assert read_header(data, name="x").animated
    assert np.array_equal(decode(data, name="x"), PICTURE)
    assert not read_header(PNG, name="x").animated


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([b"tEXt", b"zTXt", b"iTXt", b"eXIf", b"sBIT", b"acTL",
                                           b"fcTL", b"gAMA", b"abCd"]), st.binary(max_size=40),
                          st.booleans()), max_size=6))  # fmt: skip
def test_any_metadata_leaves_the_pixels_as_they_are(chunks):
    extra = [chunk(kind, body, wrong=wrong) for kind, body, wrong in chunks]
    got = decode(png_with(PNG, *extra), name="x")
    assert sorted(got.size) == [16, 24]  # an orientation may turn them


def test_a_blank_picture_of_16_bits_is_refused_first():
    def header(side: int) -> bytes:
        return chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 16, 2, 0, 0, 0))

    start, end = b"\x89PNG\r\n\x1a\n", chunk(b"IDAT", zlib.compress(bytes(99)))
    with pytest.raises(DataError, match="9000 x 9000 pixels of 16 bits take too long to decode"):
        decode(start + header(9000) + end, name="x")
    with pytest.raises(DataError, match="truncated or damaged"):  # small enough to be tried
        decode(start + header(40) + end, name="x")
