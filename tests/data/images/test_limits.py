"""Limits can be raised, in the way that the message names."""

import io
import re
import struct

import numpy as np
import pytest
from PIL import Image

from lpt.config import RunConfig
from lpt.data.images.decode import ImageError, decode, read_header
from lpt.data.images.limits import MAX_PIXELS, MAX_SIDE, pixel_limit
from lpt.data.loading import ImageDataset
from lpt.data.sources.open_data import open_data
from lpt.errors import ConfigError, DataError
from lpt.machine.devices import peak_memory, reset_peak_memory
from lpt.training.run.run_data import open_configured

from ..conftest import encoded
from .containers.files import saved

PNG = encoded(1)


def test_the_environment_variable_that_the_message_names_raises_the_limit(monkeypatch):
    monkeypatch.setenv("LPT_MAX_PIXELS", "100")
    with pytest.raises(DataError) as caught:
        decode(PNG, name="x")
    name, value = re.findall(r"(LPT\w+)=(\d+)", str(caught.value))[0]
    monkeypatch.setenv(name, value)
    assert decode(PNG, name="x").size == (12, 10)
    assert read_header(PNG, name="x").width == 12


def test_the_memory_of_a_format_counts_as_the_message_says():
    data = saved(Image.new("RGB", (100, 80), "red"), "WEBP")
    with pytest.raises(DataError, match="of WebP need 128 kB to decode") as caught:
        decode(data, name="x", max_pixels=8000)
    value = int(re.findall(r"LPT_MAX_PIXELS=(\d+)", str(caught.value))[0])
    assert decode(data, name="x", max_pixels=value).size == (100, 80)


@pytest.mark.parametrize("text", ["0", "-1", "1e8", "many", "9" * 40, "²"])
def test_a_limit_that_is_not_a_number_is_named(monkeypatch, text):
    monkeypatch.setenv("LPT_MAX_PIXELS", text)
    with pytest.raises(ConfigError, match=r"^LPT_MAX_PIXELS="):
        pixel_limit()


def test_a_given_limit_decides_over_the_environment(monkeypatch):
    monkeypatch.setenv("LPT_MAX_PIXELS", "100")
    assert pixel_limit(7) == 7
    monkeypatch.delenv("LPT_MAX_PIXELS")
    assert pixel_limit() == MAX_PIXELS


def test_a_thin_picture_is_refused_although_it_has_few_pixels():
    """Its rows have a byte each, and 8 bytes of a pointer each, in every step of decoding."""
    data = saved(Image.new("L", (1, MAX_SIDE + 1)), "TIFF")
    with pytest.raises(DataError, match=r"x: 1 x 131073 pixels: no side may have more than"):
        decode(data, name="x")
    assert read_header(saved(Image.new("L", (MAX_SIDE, 1)), "TIFF"), name="x").width == MAX_SIDE


def test_the_setting_goes_with_the_data_of_a_run(make_folder):
    root = make_folder({"ant": 4, "bee": 4})
    config = RunConfig().changed({"data.source": str(root), "data.max_pixels": 50})
    train = open_configured(config).split("train")
    assert train.take([0]).max_pixels == 50
    with pytest.raises(DataError, match="exceed the limit of 50"):
        ImageDataset(train, np.asarray)[0]
    ImageDataset(open_data(root).split("train"), lambda image: image)[0]


def test_images_above_the_default_limit_are_halved_for_a_target(monkeypatch):
    monkeypatch.setattr("lpt.data.images.decode.MAX_PIXELS", 1000)
    data = saved(Image.new("RGB", (90, 40), "red"), "PNG")
    assert decode(data, name="x").size == (90, 40)
    assert decode(data, name="x", target=8).size == (45, 20)


def bmp(width: int, height: int, data: bytes) -> bytes:
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + len(data), 0, 0, 54) + head + data


@pytest.mark.parametrize("height", [9000, -9000])
def test_pixels_that_are_not_in_the_file_take_no_memory(height):
    reset_peak_memory("cpu")
    before = peak_memory("cpu")
    with pytest.raises(ImageError, match=r"x: cannot be decoded, truncated: its 9,000 rows have"):
        decode(bmp(9000, height, bytes(1000)), name="x")
    assert peak_memory("cpu") - before < 20 * 2**20


@pytest.mark.parametrize("kind", ["BMP", "TIFF"])
@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
def test_the_last_row_of_pixels_may_be_the_end_of_the_file(kind, mode):
    for size in ((1, 1), (7, 3), (8, 8), (33, 2)):
        stream = io.BytesIO()
        Image.new(mode, size).save(stream, kind)
        assert decode(stream.getvalue(), name="x").size == size
