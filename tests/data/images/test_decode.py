import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from lpt.data.images.decode import decode
from lpt.errors import DataError

from ..conftest import encoded


def save(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def corner_image() -> Image.Image:
    """Four quarters of different colours, so that every orientation shows."""
    pixels = np.zeros((16, 24, 3), dtype=np.uint8)
    pixels[:8, :12], pixels[:8, 12:], pixels[8:, :12] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    return Image.fromarray(pixels)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_is_turned_upright(kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if kind == "WEBP" else {}
    data = save(corner_image(), kind, exif=exif, **options)
    expected = ImageOps.exif_transpose(_tagged(orientation))
    got = decode(data, name="x")
    assert got.size == expected.size
    difference = np.abs(np.asarray(got, dtype=int) - np.asarray(expected, dtype=int))
    assert np.median(difference) <= 2  # JPEG smears the borders of the quarters


def _tagged(orientation: int) -> Image.Image:
    image = corner_image()
    image.getexif()[0x0112] = orientation
    return image


def test_orientations_differ_from_each_other():
    turned = {np.asarray(ImageOps.exif_transpose(_tagged(o))).tobytes() for o in range(1, 9)}
    assert len(turned) == 8


@pytest.mark.parametrize(
    ("mode", "kind"),
    [("RGBA", "PNG"), ("LA", "PNG"), ("RGBA", "WEBP"), ("RGBA", "TIFF")],
)
def test_transparent_pixels_become_white(mode, kind):
    clear = Image.new("RGBA", (6, 6), (10, 20, 30, 0)).convert(mode)
    assert decode(save(clear, kind), name="x").getpixel((3, 3)) == (255, 255, 255)


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_transparent_palette_entry_becomes_white_and_others_keep_their_colour(kind):
    image = Image.new("P", (4, 2), 0)
    image.putpalette([200, 0, 0, 0, 0, 200])
    image.putpixel((0, 0), 1)
    got = decode(save(image, kind, transparency=0), name="x")
    assert got.getpixel((3, 1)) == (255, 255, 255)
    assert got.getpixel((0, 0)) == (0, 0, 200)


def test_palette_with_alpha_a_colour_is_blended_on_white():
    image = Image.new("P", (4, 4), 0)
    image.putpalette([200, 0, 0, 0, 0, 200])
    got = decode(save(image, "PNG", transparency=bytes([128, 255])), name="x")
    assert got.getpixel((0, 0)) == pytest.approx((227, 127, 127), abs=1)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bit_grey_keeps_its_upper_8_bits(kind):
    image = Image.fromarray(np.array([[0, 256, 32_768, 65_535]], dtype=np.uint16))
    got = np.asarray(decode(save(image, kind), name="x"))[0, :, 0]
    assert got.tolist() == [0, 1, 128, 255]


def test_cmyk_jpeg_becomes_rgb():
    cmyk = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    red = decode(save(cmyk, "JPEG"), name="x").getpixel((4, 4))
    assert red[0] > 200
    assert max(red[1:]) < 60


@pytest.mark.parametrize("mode", ["1", "L"])
def test_grey_becomes_three_equal_channels(mode):
    got = np.asarray(decode(save(Image.new(mode, (3, 3), 1), "PNG"), name="x"))
    assert got.shape == (3, 3, 3)
    assert (got == got[..., :1]).all()


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_animation_gives_its_first_frame(kind):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    data = save(frames[0], kind, save_all=True, append_images=frames[1:])
    assert decode(data, name="x").getpixel((4, 4)) == pytest.approx((255, 0, 0), abs=3)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF"])
def test_each_format_decodes_to_rgb(kind):
    image = decode(encoded(1, kind=kind), name="x")
    assert (image.mode, image.size) == ("RGB", (12, 10))


def test_large_jpeg_is_decoded_at_reduced_scale_and_keeps_the_target():
    data = save(Image.new("RGB", (1600, 800), "teal"), "JPEG")
    small = decode(data, name="x", target=150)
    assert small.size == (400, 200)
    assert small.getpixel((9, 9)) == decode(data, name="x").getpixel((9, 9))


def test_reduced_scale_respects_orientation():
    exif = Image.Exif()
    exif[0x0112] = 6
    data = save(Image.new("RGB", (1600, 800)), "JPEG", exif=exif)
    assert decode(data, name="x", target=200).size == (200, 400)


def test_small_or_other_images_ignore_the_target():
    assert decode(encoded(1, kind="JPEG"), name="x", target=64).size == (12, 10)
    assert decode(encoded(1, (600, 500)), name="x", target=64).size == (600, 500)


def test_empty_file_is_named():
    with pytest.raises(DataError, match=r"^a/b\.jpg: the file is empty"):
        decode(b"", name="a/b.jpg")


@pytest.mark.parametrize("data", [b"hello", b"%PDF-1.7 ...", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"])
def test_what_is_no_image_is_named(data):
    with pytest.raises(DataError, match=r"^pic\.jpg: "):
        decode(data, name="pic.jpg")


@pytest.mark.parametrize("kind", ["ICO", "TGA", "PPM", "PCX"])
def test_formats_outside_the_six_are_refused_whatever_the_suffix(kind):
    with pytest.raises(DataError, match="JPEG, PNG, WEBP, BMP, TIFF, GIF"):
        decode(encoded(1, (16, 16), kind=kind), name="pic.png")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_truncated_image_is_an_error(kind, share):
    data = encoded(3, (64, 64), kind)
    with pytest.raises(DataError, match=r"^cut\.x: .*\.$"):
        decode(data[: int(len(data) * share)], name="cut.x")


def test_size_is_checked_in_the_header_before_decoding():
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    start = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13)
    data = start + chunk + struct.pack(">I", zlib.crc32(chunk))
    with pytest.raises(DataError, match=r"huge\.png: 60000 x 60000 pixels exceed the limit"):
        decode(data + b"\0\0\0\0IDAT\0\0\0\0\0\0\0\0", name="huge.png")


def test_limit_is_a_setting():
    with pytest.raises(DataError, match="12 x 10 pixels exceed the limit of 100"):
        decode(encoded(1), name="x", max_pixels=100)


def test_pixels_without_a_range_of_brightness_are_refused():
    image = Image.fromarray(np.array([[0.5, 2e9]], dtype=np.float32))
    with pytest.raises(DataError, match="no defined range"):
        decode(save(image, "TIFF"), name="x")


def test_damaged_exif_of_an_intact_image_is_ignored():
    data = save(corner_image(), "JPEG", exif=b"Exif\0\0MM\0*\0\0\xff\xff broken")
    assert decode(data, name="x").size == (24, 16)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damaged_bytes_give_an_image_or_a_data_error_and_nothing_else(data):
    kind = data.draw(st.sampled_from(["PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF"]))
    broken = bytearray(encoded(5, (20, 20), kind))
    for _ in range(data.draw(st.integers(1, 6))):
        broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    message = ""
    try:
        image = decode(bytes(broken), name="x", max_pixels=10**6)
    except DataError as error:
        message = str(error)
    else:
        assert image.mode == "RGB"
    assert len(message.splitlines()) <= 2
