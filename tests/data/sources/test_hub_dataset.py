"""Hugging Face data sets, against a stand-in with the library's interface.

The stand-in keeps the tests free of the extra; its calls are those that `datasets` 5.2 answers.
"""

import sys
from types import ModuleType

import pytest

from lpt.data.sources.open_data import open_data
from lpt.errors import DataError

from ..conftest import encoded


class Image:
    def __init__(self, decode=True):
        self.decode = decode


class ClassLabel:
    def __init__(self, names):
        self.names = names


class Rows:
    def __init__(self, features, rows):
        self.features, self.rows = features, rows

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, key):
        return [row[key] for row in self.rows] if isinstance(key, str) else self.rows[key]

    def cast_column(self, name, feature):
        assert isinstance(feature, Image)
        assert not feature.decode
        return self


@pytest.fixture
def hub(monkeypatch):
    features = {"img": Image(), "fine": ClassLabel(["yak", "owl"]), "who": object()}

    def rows(labels):
        images = [{"bytes": encoded(i), "path": None} for i in range(len(labels))]
        return Rows(
            features,
            [{"img": i, "fine": f, "who": "w"} for i, f in zip(images, labels, strict=True)],
        )

    sets = {"org/pets": {"train": rows([0, 1, 1]), "test": rows([1]), "hidden": rows([-1, -1])}}
    module = ModuleType("datasets")
    module.Image, module.ClassLabel = Image, ClassLabel
    module.load_dataset = lambda name, config: sets[name]
    module.concatenate_datasets = lambda parts: Rows(features, [r for p in parts for r in p.rows])
    monkeypatch.setitem(sys.modules, "datasets", module)


@pytest.mark.usefixtures("hub")
def test_columns_are_found_by_type_and_unlabelled_splits_left_out():
    data = open_data("hf:org/pets", val_fraction=0)
    assert data.class_names == ("yak", "owl")
    assert data.counts().tolist() == [1, 2]
    assert data.counts("test").tolist() == [0, 1]
    assert data.splits["train"].read(2) == encoded(2)
    assert data.splits["train"].name_of(2) == "hf:org/pets row 2"


@pytest.mark.usefixtures("hub")
def test_unknown_set_column_and_group_are_named():
    with pytest.raises(DataError, match=r"hf:org/none: cannot be loaded \('org/none'\)"):
        open_data("hf:org/none")
    with pytest.raises(DataError, match="which column is the label"):
        open_data("hf:org/pets:label=coarse")
    with pytest.raises(DataError, match="no column 'animal' to group by"):
        open_data("hf:org/pets", group_by="animal")


def test_missing_library_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(DataError, match=r"pip install 'lpt\[datasets\]'"):
        open_data("hf:org/pets")
