"""iNaturalist 2018 on a stand-in with the real folders and JSON files."""

import json
from dataclasses import replace

import pytest

from lpt.data.sources.known import inaturalist, known_datasets
from lpt.data.sources.open_data import open_data
from lpt.errors import DataError

from ...conftest import encoded


@pytest.fixture
def inat(tmp_path, monkeypatch):
    known = replace(
        inaturalist.INATURALIST_2018,
        images={"train": 3, "test": 2},
        num_classes=2,
        largest=2,
        smallest=1,
    )
    files = {
        "train2018.json": [("Plantae/7477/a.jpg", 7477), ("Plantae/7477/b.jpg", 7477),
                           ("Aves/3/c.jpg", 3)],
        "val2018.json": [("Aves/3/d.jpg", 3), ("Plantae/7477/e.jpg", 7477)],
    }  # fmt: skip
    for number, (file, rows) in enumerate(files.items()):
        images = [
            {"id": 10 * number + i, "file_name": f"train_val2018/{path}"}
            for i, (path, _) in enumerate(rows)
        ]
        content = {
            "images": images,
            "annotations": [
                {"id": i, "image_id": 10 * number + i, "category_id": c}
                for i, (_, c) in reversed(list(enumerate(rows)))
            ],
        }
        (tmp_path / file).write_text(json.dumps(content))
        for image in images:
            path = tmp_path / image["file_name"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encoded(image["id"]))
    monkeypatch.setattr(known_datasets, "INATURALIST_2018", known)
    return tmp_path


def test_inaturalist_reads_json_and_tests_on_its_validation_images(inat):
    data = open_data(f"inaturalist2018:root={inat}", val_fraction=0)
    assert data.class_names == ("3", "7477")
    assert data.counts().tolist() == [1, 2]
    assert data.counts("test").tolist() == [1, 1]
    train = data.splits["train"]
    assert {train.name_of(i).rsplit("/", 2)[1]: int(train.labels[i]) for i in range(3)} == {
        "7477": 1,
        "3": 0,
    }


def test_inaturalist_species_names_come_from_categories(inat):
    content = [{"id": 3, "name": "Parus major"}, {"id": 7477, "name": "Poa annua"}]
    (inat / "categories.json").write_text(json.dumps(content))
    assert open_data(f"inaturalist2018:root={inat}").class_names == ("Parus major", "Poa annua")


@pytest.mark.parametrize(
    ("content", "message"),
    [("{", "not readable as JSON"), ("{}", "not a list of images with annotations")],
)
def test_inaturalist_damaged_json_is_named(inat, content, message):
    (inat / "val2018.json").write_text(content)
    with pytest.raises(DataError, match=message):
        open_data(f"inaturalist2018:root={inat}")


def test_inaturalist_missing_json_and_image_are_named(inat):
    (inat / "train_val2018/Aves/3/d.jpg").unlink()
    with pytest.raises(DataError, match=r"train_val2018/Aves/3/d\.jpg"):
        open_data(f"inaturalist2018:root={inat}")
    (inat / "val2018.json").unlink()
    with pytest.raises(DataError, match=r"val2018\.json is missing. Get it from https"):
        open_data(f"inaturalist2018:root={inat}")


def test_published_numbers():
    assert inaturalist.INATURALIST_2018.images["train"] == 437_513
    assert inaturalist.INATURALIST_2018.num_classes == 8_142
