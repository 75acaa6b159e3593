"""Lists that make a data set long-tailed, or fix its split."""

from pathlib import Path

import pytest

from lpt.data.sources.data_string import parse_spec
from lpt.data.sources.open_data import open_data
from lpt.data.tools.make_lists import list_long_tailed, list_split, with_list
from lpt.errors import DataError


def test_long_tailed_list_opens_with_its_counts_and_test_images(make_folder, tmp_path):
    root, out = make_folder({"a": 20, "b": 20}), tmp_path / "lists" / "lt.csv"
    made = list_long_tailed(str(root), out, test_fraction=0.2, imbalance=4)
    again = open_data(with_list(str(root), out), val_fraction=0)
    assert again.counts().tolist() == made.counts().tolist() == [16, 4]
    assert again.counts("test").tolist() == [4, 4]


def test_split_list_keeps_the_split_whatever_the_seed(make_folder, tmp_path):
    root, out = make_folder({"a": 20, "b": 20}), tmp_path / "split.csv"
    made = list_split(str(root), out, val_fraction=0.1, test_fraction=0.25, seed=3)
    again = open_data(with_list(str(root), out), seed=9)
    for name, split in made.splits.items():
        found = again.split(name)
        assert [found.ref(i) for i in range(len(found))] == [
            split.ref(i) for i in range(len(split))
        ]


def test_list_below_the_data_is_named_relative_to_it(tmp_path):
    assert with_list(str(tmp_path), tmp_path / "lists" / "a.csv") == f"{tmp_path}:list=lists/a.csv"
    assert with_list(f"{tmp_path}:test=x", Path("/y/a.csv")) == f"{tmp_path}:test=x,list=/y/a.csv"


@pytest.mark.parametrize("name", ["list.txt", "a,b.csv", "taken.csv"])
def test_unusable_names_are_refused_before_any_work(name, tmp_path):
    (tmp_path / "taken.csv").write_text("mine")
    with pytest.raises(DataError, match=name):
        list_split("nowhere", tmp_path / name, val_fraction=0.1, test_fraction=0.2)
    assert (tmp_path / "taken.csv").read_text() == "mine"


def test_commas_in_folders_are_kept_unless_they_would_be_misread(tmp_path):
    spec = with_list(str(tmp_path), tmp_path / "lists, old" / "a.csv")
    assert parse_spec(spec).options == {"list": "lists, old/a.csv"}
    with pytest.raises(DataError, match="is read as an option"):
        with_list(str(tmp_path), tmp_path / "lists,old=2" / "a.csv")
