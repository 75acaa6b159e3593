"""Sets whose images the user brings, on stand-ins with the real folders and list formats."""

import json
from dataclasses import replace

import pytest

from lpt.data.sources.known import inaturalist
from lpt.data.sources.known import published_lists as published
from lpt.data.sources.known.known_datasets import NAMED, NamedSet
from lpt.data.sources.open_data import open_data
from lpt.errors import DataError

from ...conftest import encoded

PLACES = {
    "train": ["data_256/a/airfield/1.jpg 0", "data_256/a/airfield/2.jpg 0",
              "data_256/a/apartment_building/outdoor/3.jpg 1"],
    "val": ["val_256/Places365_val_1.jpg 0", "val_256/Places365_val_2.jpg 1"],
    "test": ["val_256/Places365_val_3.jpg 1"],
}  # fmt: skip
IMAGENET = {
    "train": ["train/n01440764/n01440764_1.JPEG 0", "train/n01440764/n01440764_2.JPEG 0",
              "train/n01443537/n01443537_3.JPEG 1"],
    "val": ["train/n01440764/n01440764_4.JPEG 0", "train/n01443537/n01443537_5.JPEG 1"],
    "test": ["val/n01443537/ILSVRC2012_val_00000236.JPEG 1"],
}  # fmt: skip
SMALL = {"images": {"train": 3, "val": 2, "test": 1}, "num_classes": 2, "largest": 2, "smallest": 1}


def put_lists(known, lists, root, folder):
    for split, lines in lists.items():
        (folder / known.lists[split]).write_text("\n".join(lines) + "\n")
        for line in lines:
            path = root / line.split()[0]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encoded(hash(line) % 1000))


@pytest.fixture(params=["places-lt", "imagenet-lt"])
def brought(request, tmp_path, monkeypatch):
    real, lists = {
        "places-lt": (published.PLACES_LT, PLACES),
        "imagenet-lt": (published.IMAGENET_LT, IMAGENET),
    }[request.param]
    known = replace(real, **SMALL)
    put_lists(known, lists, tmp_path, tmp_path)
    monkeypatch.setitem(
        NAMED,
        request.param,
        NamedSet(lambda spec, _: published.read_published(known, spec), ("root", "lists"), "x"),
    )
    return request.param, tmp_path, known


def test_official_splits_and_class_names(brought):
    name, root, _ = brought
    data = open_data(f"{name}:root={root}")
    assert {s: data.counts(s).tolist() for s in data.splits} == {
        "train": [2, 1],
        "val": [1, 1],
        "test": [0, 1],
    }
    expected = {
        "places-lt": ("airfield", "apartment_building/outdoor"),
        "imagenet-lt": ("n01440764", "n01443537"),
    }
    assert data.class_names == expected[name]
    assert data.splits["train"].read(0)


def test_lists_may_lie_elsewhere(brought, tmp_path):
    name, root, known = brought
    other = tmp_path / "lists"
    other.mkdir()
    for file in known.lists.values():
        (root / file).rename(other / file)
    assert open_data(f"{name}:root={root},lists={other}").num_classes == 2


def test_root_is_asked_for(brought, tmp_path):
    name, *_ = brought
    with pytest.raises(DataError, match=f"{name}:root=DIR"):
        open_data(name)
    with pytest.raises(DataError, match=r"is no folder\. Get the images from http"):
        open_data(f"{name}:root={tmp_path}/none")


def test_missing_list_is_named_with_its_source(brought):
    name, root, known = brought
    (root / known.lists["val"]).unlink()
    with pytest.raises(DataError, match=f"{known.lists['val']} is missing. Get it from http"):
        open_data(f"{name}:root={root}")


def test_missing_image_is_named_with_its_source(brought):
    name, root, known = brought
    image = (root / known.lists["test"]).read_text().split()[0]
    (root / image).unlink()
    with pytest.raises(DataError, match=f"names '{image}'.* come from http"):
        open_data(f"{name}:root={root}")


def test_other_numbers_than_published_are_refused(brought):
    name, root, known = brought
    path = root / known.lists["train"]
    lines = path.read_text()
    path.write_text(lines.replace(" 0\n", " 1\n", 1))
    with pytest.raises(DataError, match="label 1 is called both"):
        open_data(f"{name}:root={root}")
    path.write_text(lines.replace(" 0\n", " 1\n"))
    with pytest.raises(DataError, match=f"{known.lists['train']} has 1 classes of 3 to 3"):
        open_data(f"{name}:root={root}")
    path.write_text(lines.split("\n")[0] + "\n")
    with pytest.raises(DataError, match="names 1 images, published are 3"):
        open_data(f"{name}:root={root}")


def test_leading_folder_of_the_places_lists_may_be_missing(tmp_path, monkeypatch):
    known = replace(published.PLACES_LT, **SMALL)
    put_lists(known, PLACES, tmp_path / "x", tmp_path)
    root = tmp_path / "x" / "data_256"
    for i in (1, 2, 3):
        (tmp_path / "x/val_256" / f"Places365_val_{i}.jpg").rename(root / f"Places365_val_{i}.jpg")
    from lpt.data.sources.data_string import DataSpec

    spec = DataSpec("places-lt", {"root": str(root), "lists": str(tmp_path)})
    listing = published.read_published(known, spec)
    assert all(listing.store.read(i) for i in range(6))


def test_published_numbers():
    assert published.PLACES_LT.images == {"train": 62_500, "val": 7_300, "test": 36_500}
    assert (published.PLACES_LT.largest, published.PLACES_LT.smallest) == (4_980, 5)
    assert published.IMAGENET_LT.images["train"] == 115_846
    assert inaturalist.INATURALIST_2018.images["train"] == 437_513
    assert inaturalist.INATURALIST_2018.num_classes == 8_142


# iNaturalist


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
        told = {
            "images": images,
            "annotations": [
                {"id": i, "image_id": 10 * number + i, "category_id": c}
                for i, (_, c) in reversed(list(enumerate(rows)))
            ],
        }
        (tmp_path / file).write_text(json.dumps(told))
        for image in images:
            path = tmp_path / image["file_name"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encoded(image["id"]))
    monkeypatch.setitem(
        NAMED,
        "inaturalist2018",
        NamedSet(lambda spec, _: inaturalist.read_inaturalist(known, spec), ("root", "lists"), "x"),
    )
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
    told = [{"id": 3, "name": "Parus major"}, {"id": 7477, "name": "Poa annua"}]
    (inat / "categories.json").write_text(json.dumps(told))
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
