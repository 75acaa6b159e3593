"""Images are recognised by their first bytes."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, features

import lpt.data.images.formats as formats
from lpt.data.images.decode import ImageError, decode
from lpt.data.images.formats import HEAD, can_decode, content_format, is_other_image

HEIC = b"\0\0\0\x20ftypheic\0\0\0\0mif1heic" + bytes(8)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP"])
def test_each_format_is_recognised(kind):
    stream = io.BytesIO()
    Image.new("RGB", (9, 7)).save(stream, kind)
    assert content_format(stream.getvalue()[:HEAD]) == kind


def test_a_text_is_not_an_image():
    for text in (
        b"",
        b"BM is the name of a shop, not a picture",
        b"GIFT",
        b"RIFF....WAVE",
        b"\xff",
    ):
        assert content_format(text[:HEAD]) is None


@given(st.binary(max_size=HEAD))
def test_any_bytes_are_an_image_or_not(head):
    assert content_format(head) in (None, *formats.FORMATS)


def test_raw_files_are_no_tiff_and_known_content_beats_the_suffix():
    assert is_other_image(".dng", "TIFF")
    assert is_other_image(".nef")
    assert not is_other_image(".rw2", "JPEG")
    assert not is_other_image(".heic", "JPEG")
    assert not is_other_image(".txt")


def test_heic_without_its_decoder_names_the_extra(monkeypatch):
    monkeypatch.setattr(
        "lpt.data.images.containers.examine.can_decode", lambda kind: kind != "HEIF"
    )
    remedy = r"x\.jpg: HEIF images .*pip install 'lpt\[heif\]'"
    with pytest.raises(ImageError, match=remedy) as caught:
        decode(HEIC, name="x.jpg")
    assert caught.value.kind == "unsupported"


def test_heic_is_decoded_where_its_decoder_is_installed():
    pytest.importorskip("pillow_heif")
    assert can_decode("HEIF")
    stream = io.BytesIO()
    Image.new("RGB", (16, 12), "red").save(stream, "HEIF")
    image = decode(stream.getvalue(), name="x.heic")
    assert (image.mode, image.size) == ("RGB", (16, 12))


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow reads no AVIF")
def test_avif_is_decoded_where_pillow_reads_it():
    stream = io.BytesIO()
    Image.new("RGB", (16, 12), "red").save(stream, "AVIF")
    assert content_format(stream.getvalue()[:HEAD]) == "AVIF"
    assert decode(stream.getvalue(), name="x.avif").size == (16, 12)
