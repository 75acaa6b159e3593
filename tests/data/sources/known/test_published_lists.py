"""Sets whose images the user brings, on stand-ins with the real folders and list formats."""

from dataclasses import replace

import pytest

from lpt.data.sources.known import known_datasets
from lpt.data.sources.known import published_lists as published
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
    constant, lists = {
        "places-lt": ("PLACES_LT", PLACES),
        "imagenet-lt": ("IMAGENET_LT", IMAGENET),
    }[request.param]
    known = replace(getattr(published, constant), **SMALL)
    put_lists(known, lists, tmp_path, tmp_path)
    monkeypatch.setattr(known_datasets, constant, known)
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


def test_lists_may_be_in_another_folder(brought, tmp_path):
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
    with pytest.raises(DataError, match=r"is not a folder\. Get the images from http"):
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
    with pytest.raises(DataError, match="names 1 images, but 3 are published"):
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
