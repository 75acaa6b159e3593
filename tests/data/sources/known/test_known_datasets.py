"""Data sets by name: built-in and registered ones."""

from pathlib import Path

import pytest

from lpt.data.image_stores import ImageRef
from lpt.data.sources.class_folders import read_folder
from lpt.data.sources.known.known_datasets import DATASETS, register_dataset
from lpt.data.sources.open_data import open_data
from lpt.data.sources.paths import anchored, local_path
from lpt.errors import ConfigError, DataError


@pytest.fixture
def birds():
    register_dataset(
        "birds",
        lambda spec, seed: read_folder(Path(spec.options["at"]) / spec.options.get("year", "2023")),
        options=["year"],
        paths=["at"],
        about="two species",
    )
    yield
    DATASETS.unregister("birds")


@pytest.mark.usefixtures("birds")
def test_a_registered_data_set_opens_by_name_with_its_options(make_folder):
    root = make_folder({"2023/owl": 3, "2023/tit": 2, "2024/owl": 5, "2024/tit": 5})
    assert open_data(f"birds:at={root}", test_fraction=0).counts().tolist() == [3, 2]
    data = open_data(f"birds:at={root},year=2024", test_fraction=0)
    assert data.counts().tolist() == [5, 5]
    assert data.split("train").ref(0) == ImageRef(root / "2024/owl/000.png")
    with pytest.raises(DataError, match=r"unknown option 'month'\. Choose one of: year, at, list"):
        open_data("birds:month=5")


@pytest.mark.usefixtures("birds")
def test_options_that_are_paths_become_absolute_and_others_do_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert anchored("birds:at=photos,year=2024") == f"birds:at={tmp_path}/photos,year=2024"
    assert local_path("birds") is None


def test_taken_names_and_options_are_refused():
    with pytest.raises(ConfigError, match="data set 'digits' exists already"):
        register_dataset("digits", lambda spec, seed: read_folder(Path()))
    with pytest.raises(ConfigError, match="every data set has an option 'test'"):
        register_dataset("mine", lambda spec, seed: read_folder(Path()), options=["test"])
    assert "mine" not in DATASETS


@pytest.mark.parametrize("name", list(DATASETS))
def test_paths_of_every_data_set_are_options(name):
    assert set(DATASETS[name].paths) <= set(DATASETS[name].options)
    assert DATASETS[name].about
