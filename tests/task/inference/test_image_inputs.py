"""Whatever is not encoded yet is encoded without loss."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import ExifTags, Image

from lpt.data.images.decode import decode
from lpt.errors import DataError, ParameterError
from lpt.task.inference.image_inputs import as_split, iterate_inputs

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (7, 5, 3), dtype=np.uint8)


def decoded(image: Any) -> Image.Image:
    (given,) = iterate_inputs(image)
    return decode(given.read(), name=given.name)


def file_of(image: Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16", "CMYK", "YCbCr"])
def test_a_pil_image_of_any_mode_is_read_as_its_file_is(mode):
    if mode == "I;16":
        image = Image.fromarray(PIXELS[..., 0].astype(np.uint16) * 257)
    elif mode in ("LA", "RGBA"):
        image = Image.fromarray(np.dstack([PIXELS, PIXELS[..., :1]]), "RGBA").convert(mode)
    else:
        image = Image.fromarray(PIXELS).convert(mode)
    file = file_of(image, "TIFF" if mode in ("CMYK", "YCbCr") else "PNG")
    wanted = decode(file, name="file")
    assert np.array_equal(decoded(image), wanted)
    assert np.array_equal(decoded(Image.open(io.BytesIO(file))), wanted)


@pytest.mark.parametrize("mode", ["HSV", "RGBX", "RGBa", "La"])
def test_modes_that_no_file_has_are_converted(mode):
    base = {"RGBa": "RGBA", "La": "LA"}.get(mode, "RGB")
    image = Image.fromarray(PIXELS).convert(base).convert(mode)
    assert np.array_equal(decoded(image), decoded(image.convert(base)))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_the_orientation_of_a_pil_image_is_applied(orientation, kind):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    file = file_of(Image.fromarray(PIXELS), kind, exif=exif)
    assert np.array_equal(decoded(Image.open(io.BytesIO(file))), decode(file, name="file"))


def test_transparency_is_laid_on_white():
    image = Image.fromarray(PIXELS)
    image.info["transparency"] = tuple(int(v) for v in PIXELS[0, 0])
    assert np.asarray(decoded(image))[0, 0].tolist() == [255, 255, 255]
    assert np.array_equal(decoded(image), decode(file_of(image, "PNG"), name="file"))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_all_256_values_come_back_from_floats(dtype):
    values = np.arange(256, dtype=np.uint8)
    pixels = np.repeat(values.reshape(16, 16, 1), 3, axis=2)
    floats = (pixels / 255).astype(dtype)
    assert np.array_equal(decoded(floats), pixels)
    assert np.array_equal(decoded(torch.from_numpy(floats).permute(2, 0, 1)), pixels)


def test_a_tensor_of_half_precision_is_read():
    tensor = torch.zeros(3, 4, 5, dtype=torch.bfloat16)
    assert decoded(tensor).size == (5, 4)


def test_an_image_is_not_changed_by_reading_it():
    image = Image.open(io.BytesIO(file_of(Image.fromarray(PIXELS), "PNG")))
    before = dict(image.info)
    decoded(image)
    assert (image.mode, image.size, image.info) == ("RGB", (5, 7), before)


def test_inputs_as_a_split_keep_order_and_names(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(PIXELS).save(path)
    split = as_split(iterate_inputs([path, PIXELS]))
    assert [split.name_of(i) for i in range(2)] == [str(path), "images[1]"]
    assert split.read(0) == path.read_bytes()
    assert split.labels.tolist() == [0, 0]


def test_grey_pixels_are_those_of_a_grey_image():
    grey = PIXELS[..., 0]
    wanted = decoded(Image.fromarray(grey))
    tensor = torch.from_numpy(grey.copy())
    for pixels in (grey, grey[..., None], grey / 255, tensor, tensor[None], tensor / 255):
        assert np.array_equal(decoded(pixels), wanted)


def test_a_fourth_channel_is_transparency():
    pixels = np.dstack([PIXELS, PIXELS[..., :1]])
    wanted = decoded(Image.fromarray(pixels))
    assert np.array_equal(decoded(pixels), wanted)
    assert np.array_equal(decoded(torch.from_numpy(pixels).permute(2, 0, 1)), wanted)


def test_true_is_white():
    mask = PIXELS > 100
    assert np.array_equal(decoded(mask), mask * np.uint8(255))
    assert np.array_equal(decoded(mask[..., 0]), decoded(Image.fromarray(mask[..., 0])))


def test_batches_may_be_grey_or_transparent():
    for channels in (1, 3, 4):
        assert len(list(iterate_inputs(np.zeros((2, 7, 5, channels))))) == 2
        assert len(list(iterate_inputs(torch.zeros(2, channels, 7, 5)))) == 2


MISFITS: dict[str, tuple[Any, str]] = {
    "five channels": (np.dstack([PIXELS, PIXELS[..., :2]]), r"image: array of shape \(7, 5, 5\)"),
    "one row": (PIXELS[0, :, 0], r"image: array of shape \(5,\)"),
    "channels first": (PIXELS.transpose(2, 0, 1), r"array of shape .*as \(H, W, 3\)"),
    "channels last": (torch.zeros(7, 5, 3), r"tensor of shape .*as \(3, H, W\)"),
    "no pixels": (PIXELS[:0], "array of shape"),
    "whole numbers": (PIXELS.astype(np.int64), "image: pixels of type int64"),
    "whole tensor": (torch.zeros(3, 4, 4, dtype=torch.int32), "pixels of type int32"),
    "complex": (PIXELS.astype(np.complex64), "pixels of type complex64"),
    "five dimensions": (np.zeros((1, 1, 2, 2, 3)), "array of shape"),
    "a batch in a list": ([PIXELS[None]], r"images\[0\]: array of shape"),
    "a list in a list": ([["a.png"]], r"images\[0\]: list given"),
    "a table": (np.array([["a", "b"]]), r"images\[0\]: list given"),
    "a dict": ({"a": 1}, "images: dict given"),
    "an empty path": ("", "image: the path ''"),
    "a path with a zero": (["a\0b"], r"images\[0\]: the path"),
    "an open file": (io.BytesIO(b"x"), "images: BytesIO given"),
}


@pytest.mark.parametrize("case", MISFITS)
def test_what_is_not_an_image_is_named_before_anything_is_read(case):
    images, said = MISFITS[case]
    with pytest.raises(ParameterError, match=said) as caught:
        list(iterate_inputs(images))
    assert len(str(caught.value).splitlines()) == 1


UNREADABLE: dict[str, tuple[Any, str]] = {
    "normalised": (np.full((4, 4, 3), -1.5), "image: float pixels from -1.5 to -1.5"),
    "not finite": (np.full((4, 4, 3), np.nan), "float pixels from nan"),
    "bytes of 255": (np.full((4, 4, 3), 255.0), r"Give floats in \[0, 1\]"),
    "floating grey": (Image.new("F", (4, 4)), "32-bit floats have no"),
    "without size": (Image.new("RGB", (0, 4)), "the image has no pixels"),
    "empty bytes": (b"", "image: the file is empty"),
    "text": (b"no image", "image: not an image"),
    "missing": ("none.png", "none.png: no such file"),
    "too long a name": ("a" * 5000, "File name too long"),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_an_image_that_cannot_be_read_is_named(case):
    image, said = UNREADABLE[case]
    with pytest.raises(DataError, match=said):
        decoded(image)


def test_a_folder_is_not_an_image(tmp_path):
    with pytest.raises(DataError, match=r"is a folder, not an image. .*glob"):
        decoded(tmp_path)


def test_a_truncated_lazy_image_is_named():
    file = file_of(Image.fromarray(PIXELS), "PNG")
    with pytest.raises(DataError, match="image: cannot be decoded"):
        decoded(Image.open(io.BytesIO(file[:70])))


def test_a_path_may_be_any_pathlike(tmp_path):
    class Place:
        def __fspath__(self) -> str:
            return str(tmp_path / "a.png")

    Image.fromarray(PIXELS).save(tmp_path / "a.png")
    assert np.array_equal(decoded(Place()), PIXELS)
    assert isinstance(Path(Place()), Path)
