"""Class names and splits of a data set."""

import numpy as np
import pytest

from lpt.data.image_stores import MemoryStore
from lpt.data.manifest import Manifest, Split
from lpt.data.sources.open_data import open_data
from lpt.errors import DataError


def test_missing_split_names_those_there_are(make_folder):
    data = open_data(make_folder({"train/a": 1, "train/b": 1, "test/a": 1}))
    with pytest.raises(DataError, match=r"no val split \(there is train, test"):
        data.counts("val")


def small() -> Manifest:
    store = MemoryStore("m", (b"a", b"b", b"c"))
    train = Split("train", store, np.array([2, 0, 1]), np.array([1, 1, 0]))
    return Manifest("pets", ("cat", "dog", "emu"), {"train": train})


def test_counts_include_classes_without_images():
    assert small().counts().tolist() == [1, 2, 0]
    assert small().num_classes == 3


def test_taking_images_keeps_the_order_that_is_asked_for():
    split = small().split("train").take([2, 0], "val")
    assert (split.name, split.labels.tolist(), split.positions.tolist()) == ("val", [0, 1], [1, 2])
    assert [split.read(i) for i in range(2)] == [b"b", b"c"]
    assert split.name_of(0) == "m row 1"


def test_text_names_classes_and_sizes():
    assert repr(small()) == "Manifest('pets': 3 classes, 3 train images)"
    assert repr(small().split("train")) == "Split('train': 3 images)"
    assert repr(Manifest("none", (), {})) == "Manifest('none': 0 classes, no images)"
