"""X in the forms that scikit-learn users have it in."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from lpt.sklearn.given_samples import (
    SampleError,
    as_samples,
    is_rows,
    rows_as_images,
    samples_as_inputs,
)

PIXELS = np.arange(2 * 4 * 4 * 3, dtype=np.uint8).reshape(2, 4, 4, 3)


@pytest.mark.parametrize(
    "rows",
    [
        np.zeros((3, 4)),
        np.zeros((3, 1), dtype=int),
        np.ones((3, 4), dtype=object),
        [[1, 2], [3, 4]],
        [np.zeros(4), np.zeros(4)],
        torch.zeros(3, 4),
        [1.0, 2.0],
    ],
)
def test_numbers_are_rows(rows):
    assert is_rows(rows)


@pytest.mark.parametrize(
    "samples",
    [
        ["a.jpg", "b.jpg"],
        [Path("a.jpg")],
        np.array([["a.jpg"], ["b.jpg"]]),
        np.array([["a.jpg"], ["b.jpg"]], dtype=object),
        PIXELS,
        PIXELS[..., 0],
        torch.zeros(3, 3, 8, 8),
        [Image.new("L", (4, 4))],
        [np.zeros((4, 4))],
        [],
    ],
)
def test_images_and_paths_are_not(samples):
    assert not is_rows(samples)


def test_every_form_gives_one_input_per_image():
    forms = [
        list(PIXELS),
        PIXELS,
        [Image.fromarray(one) for one in PIXELS],
        torch.from_numpy(PIXELS).permute(0, 3, 1, 2),
    ]
    read = [[one.read() for one in samples_as_inputs(form)] for form in forms]
    assert all(images == read[0] for images in read)
    assert len(read[0]) == 2


def test_a_column_of_paths_is_a_list_of_paths():
    for column in (np.array(["a.jpg", "b.jpg"]), np.array([["a.jpg"], ["b.jpg"]], dtype=object)):
        assert [one.name for one in samples_as_inputs(column)] == ["a.jpg", "b.jpg"]


def test_data_frames_hold_paths_or_pixels():
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    paths = pandas.DataFrame({"path": ["a.jpg", "b.jpg"]})
    assert not is_rows(paths)
    assert [one.name for one in samples_as_inputs(paths)] == ["a.jpg", "b.jpg"]
    assert [one.name for one in samples_as_inputs(paths["path"])] == ["a.jpg", "b.jpg"]
    assert is_rows(pandas.DataFrame(np.zeros((3, 4))))
    assert is_rows(pandas.DataFrame({"a": [1, 2]}))


def test_grey_volumes_are_images_not_one_image():
    inputs = samples_as_inputs(np.zeros((5, 8, 3), dtype=np.uint8))  # five images of 8 x 3
    assert len(inputs) == 5
    assert inputs[0].content.shape == (8, 3)


@pytest.mark.parametrize("wrong", ["a.jpg", b"a", 5, None, [], [object()], np.zeros(4)])
def test_what_is_no_list_of_images_is_a_value_error(wrong):
    with pytest.raises(ValueError, match=r"X|images\[0\]"):
        samples_as_inputs(wrong)


def test_rows_become_squares_strips_or_the_shape_given():
    def size(features, shape=None):
        return rows_as_images(np.zeros((1, features)), shape, (0, 1))[0].content.shape

    assert size(64) == (8, 8)
    assert size(5) == (1, 5)
    assert size(6, (3, 2)) == (3, 2)
    assert size(24, (2, 4, 3)) == (2, 4, 3)
    with pytest.raises(SampleError, match="has 6 values, but X has 5 columns"):
        size(5, (2, 3))


def test_values_beyond_the_limits_are_clipped_and_equal_limits_are_black():
    row = np.array([[-9.0, 0.0, 8.0, 99.0]])
    assert rows_as_images(row, None, (0.0, 16.0))[0].content.ravel().tolist() == [0, 0, 128, 255]
    assert rows_as_images(np.full((1, 4), 7.0), None, (7.0, 7.0))[0].content.max() == 0


def test_what_is_only_convertible_becomes_an_array():
    class Wrapped:
        def __array__(self, dtype=None, copy=None):
            return np.zeros((2, 4), dtype)

    assert as_samples(Wrapped()).shape == (2, 4)
    image, names = Image.new("L", (4, 4)), ["a.jpg"]
    assert as_samples(image) is image
    assert as_samples(names) is names
