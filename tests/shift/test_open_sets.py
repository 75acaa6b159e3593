"""Test sets in every form that a caller may name them."""

from dataclasses import replace

import numpy as np
import pytest

from lpt.data.sources.open_data import open_data
from lpt.errors import DataError, ParameterError
from lpt.shift.open_sets import open_sets

from ..tiny import write_photos

CLASSES = ("zebra", "dog", "cat", "bee", "ant")


@pytest.fixture
def data(tmp_path):
    return open_data(write_photos(tmp_path / "photos"), test_fraction=0.4)


def test_classes_of_an_opened_data_set_are_matched_by_name(data):
    (opened,) = open_sets("own", data, CLASSES)
    assert opened.names == ("ant", "bee", "cat", "dog")
    assert opened.members == ((4,), (3,), (2,), (1,))
    assert np.array_equal(opened.split.labels, data.split("test").labels)


def test_a_class_without_test_images_is_left_out(data):
    test = data.split("test")
    kept = test.take(np.flatnonzero(np.isin(test.labels, [0, 2])))
    splits = {**data.splits, "test": kept}
    (opened,) = open_sets("own", replace(data, splits=splits), CLASSES)
    assert opened.names == ("ant", "cat")
    assert set(opened.split.labels.tolist()) == {0, 1}


def test_a_path_is_opened(data, tmp_path):
    for path in (tmp_path / "photos", str(tmp_path / "photos")):
        (opened,) = open_sets("own", path, CLASSES)
        assert set(opened.names) == {"ant", "bee", "cat", "dog"}


def test_labels_of_a_split_are_those_of_the_task(data):
    (opened,) = open_sets("own", data.split("train"), CLASSES)
    assert opened.names == CLASSES
    with pytest.raises(DataError, match=r"labels outside 0\.\.1"):
        open_sets("own", data.split("train"), CLASSES[:2])


def test_classes_of_an_opened_data_set_are_matched_like_those_of_a_path(tmp_path):
    names = ("cat", "7", "caf\u00e9")
    write_photos(tmp_path / "photos", {"cat": 4, "007": 4, "cafe\u0301": 4})
    (by_path,) = open_sets("own", tmp_path / "photos", names)
    (opened,) = open_sets("own", open_data(tmp_path / "photos", test_fraction=0.5), names)
    assert set(opened.members) == set(by_path.members) == {(0,), (1,), (2,)}


def test_notes_about_the_data_are_kept(tmp_path):
    photos = write_photos(tmp_path / "photos")
    (photos / "ant" / "notes.xyz").write_text("no image")
    (by_path,) = open_sets("own", photos, CLASSES)
    (opened,) = open_sets("own", open_data(photos, test_fraction=0.4), CLASSES)
    for found in (by_path, opened):
        assert any(note.startswith("left out") for note in found.notes)


def test_an_unknown_class_is_named(data):
    with pytest.raises(DataError, match="unknown classes: 'ant'"):
        open_sets("own", data, ("bee", "cat", "dog"))


def test_another_type_is_named(data):
    with pytest.raises(ParameterError, match="data: dict given"):
        open_sets("own", {}, CLASSES)
