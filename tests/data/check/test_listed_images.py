"""Images that a list names are found, however list and data are spelled."""

from lpt.data.check.listed_images import find_listed, unknown_names
from lpt.data.manifest import Manifest
from lpt.data.sources.open_data import open_data

from .flawed import put


def test_each_row_gives_its_images_or_says_that_there_are_none(tmp_path):
    put(tmp_path / "pics", {"cat/0.png": 0, "cat/1.png": 1, "dog/0.png": 2, "dog/1.png": 3})
    data = open_data(tmp_path / "pics", val_fraction=0, test_fraction=0)
    split = data.split("train")
    twice = Manifest("twice", data.class_names, {"train": split, "val": split.take([1, 2])})
    rows = [("cat/0.png", "test"), ("cat/1.png", "val"), ("cat/1.png", "test"), ("no.png", "")]
    rows += [("cat/1.png", ""), (str(tmp_path / "pics" / "dog" / "1.png"), "")]
    assert find_listed(twice, tmp_path / "list.csv", rows) == [
        (("train", 0),),  # in one split only, so the split does not matter
        (("val", 0),),
        (),
        None,
        (("train", 1), ("val", 0)),
        (("train", 3),),
    ]


def test_unknown_names_are_one_short_line(tmp_path):
    line = unknown_names(tmp_path / "list.csv", ["a\x1b.png", "b", "c", "d"], 9)
    assert line.endswith("4 of its 9 names are not in the data: a\\x1b.png, b, c and 1 more")
