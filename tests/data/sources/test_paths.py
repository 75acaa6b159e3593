"""Data named in one folder is found from every other."""

from pathlib import Path

import pytest

from lpt.data.sources.open_data import open_data
from lpt.data.sources.paths import anchored, local_path


@pytest.fixture
def home(tmp_path, make_folder, monkeypatch):
    """A current folder with photos, and others to test on."""
    (tmp_path / "home").mkdir()
    make_folder({"a": 6, "b": 6}).rename(tmp_path / "home" / "photos")
    (tmp_path / "home" / "others").mkdir()
    monkeypatch.chdir(tmp_path / "home")
    return tmp_path / "home"


def test_local_paths_become_absolute(home):
    assert anchored("photos") == anchored("./photos") == str(home / "photos")
    assert anchored("photos:list=lt.csv,test=others") == (
        f"{home}/photos:list=lt.csv,test={home}/others"
    )


def test_data_below_the_data_stay_as_they_are(home):
    (home / "photos" / "others").mkdir()
    assert anchored("photos:test=others") == f"{home}/photos:test=others"


def test_anchored_data_open_in_another_folder(home, tmp_path, monkeypatch):
    here, name = open_data("photos"), anchored("photos")
    monkeypatch.chdir(tmp_path)
    there = open_data(name)
    for part, split in here.splits.items():
        assert split.labels.tolist() == there.split(part).labels.tolist()
    assert anchored(name) == name


@pytest.mark.parametrize("spec", ["digits", "hf:me/photos", "no-such-folder", "hf:me/x:split=a"])
def test_what_is_no_path_stays_as_it_is(spec, home):
    assert anchored(spec) == spec


def test_folders_of_known_sets_become_absolute(home):
    spec = "cifar100-lt:imbalance=50,root=cifar"
    assert anchored(spec) == f"cifar100-lt:imbalance=50,root={home}/cifar"


def test_a_folder_above_that_would_be_misread_changes_nothing(tmp_path, monkeypatch):
    awkward = tmp_path / "a,b=c"
    (awkward / "photos").mkdir(parents=True)
    (awkward / "others").mkdir()
    monkeypatch.chdir(awkward)
    assert anchored("photos:test=others") == "photos:test=others"
    assert anchored("photos") == str(awkward / "photos")


def test_only_paths_have_a_place():
    assert local_path("digits") is None
    assert local_path("hf:me/photos") is None
    assert local_path("photos") == Path("photos")
