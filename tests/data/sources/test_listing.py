"""Numbering classes, and matching them with a class list."""

from pathlib import Path

import numpy as np
import pytest

from lpt.data.image_stores import FileStore
from lpt.data.sources.listing import Listing, canonical_split, class_indices, with_classes
from lpt.errors import DataError


def listing(class_names, labels, *, named=True):
    return Listing(
        name="x",
        class_names=tuple(class_names),
        named=named,
        store=FileStore.of_files(Path(), [f"{i}.png" for i in range(len(labels))]),
        labels=np.array(labels),
        splits=np.array([""] * len(labels)),
    )


@pytest.mark.parametrize(
    ("name", "split"),
    [("Training", "train"), (" valid ", "val"), ("dev", "val"), ("TEST", "test"), ("all", "")],
)
def test_usual_names_of_splits_are_known(name, split):
    assert canonical_split(name) == split


def test_classes_are_numbered_by_label_or_by_sorted_name():
    names, index, named = class_indices(np.array(["yak", "owl", "yak"]), None, "x")
    assert (names, index.tolist(), named) == (("owl", "yak"), [1, 0, 1], True)
    names, index, named = class_indices(np.array([10, 2]), None, "x")
    assert (names, index.tolist(), named) == (("2", "10"), [1, 0], False)
    names, index, named = class_indices(np.array([10, 2]), np.array(["a", "b"]), "x")
    assert (names, index.tolist(), named) == (("b", "a"), [1, 0], True)


def test_empty_class_name_is_refused():
    with pytest.raises(DataError, match="empty name"):
        class_indices(np.array([0, 1]), np.array(["", "b"]), "x")


def test_classes_are_matched_by_name_and_numbers_by_index():
    assert with_classes(listing(["a", "b"], [0, 1, 1]), ["b", "c", "a"]).labels.tolist() == [
        2,
        0,
        0,
    ]
    numbers = listing(["0", "2"], [0, 1], named=False)
    assert with_classes(numbers, ["a", "b", "c"]).labels.tolist() == [0, 2]
    with pytest.raises(DataError, match="x: 1 unknown classes: 'b'"):
        with_classes(listing(["a", "b"], [0, 1]), ["a", "c"])
