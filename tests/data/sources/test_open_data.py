"""Splits, class lists, options and groups, whatever the source."""

import numpy as np
import pytest

from lpt.data.sources.open_data import open_data, open_test
from lpt.errors import DataError

from ..conftest import encoded, write_parquet


def refs(split):
    return {split.name_of(i) for i in range(len(split))}


def test_flat_folder_is_split_by_class_and_every_class_stays_in_train(make_folder):
    data = open_data(make_folder({"a": 40, "b": 10, "c": 2, "d": 1}))
    assert data.counts("test").tolist() == [8, 2, 0, 0]
    assert data.counts("val").tolist() == [3, 0, 0, 0]  # b has 8 left, fewer than 10
    assert data.counts("train").tolist() == [29, 8, 2, 1]


def test_splits_share_no_image_and_lose_none(make_folder):
    data = open_data(make_folder({"a": 40, "b": 15}))
    parts = [refs(split) for split in data.splits.values()]
    assert sum(map(len, parts)) == 55 == len(set.union(*parts))


def test_seed_determines_the_split(make_folder):
    root = make_folder({"a": 30, "b": 30})
    assert refs(open_data(root, seed=1).splits["test"]) == refs(
        open_data(root, seed=1).splits["test"]
    )
    assert refs(open_data(root, seed=1).splits["test"]) != refs(
        open_data(root, seed=2).splits["test"]
    )


def test_validation_never_comes_from_test(make_folder):
    root = make_folder({"train/a": 20, "train/b": 20, "test/a": 10, "test/b": 10})
    with_val, without = open_data(root), open_data(root, val_fraction=0)
    assert refs(with_val.splits["test"]) == refs(without.splits["test"])
    assert refs(with_val.splits["val"]) < refs(without.splits["train"])
    assert "val" not in without.splits


def test_class_with_test_images_only_is_an_error(make_folder):
    root = make_folder({"train/a": 2, "train/b": 2, "test/a": 1, "test/c": 1})
    with pytest.raises(DataError, match="1 of 3 classes have no training image: 'c'"):
        open_data(root)


def test_frozen_class_list_maps_by_name_and_keeps_absent_classes(make_folder):
    root = make_folder({"test/b": 2, "test/d": 1})
    data = open_data(root, class_names=["d", "a", "b"])
    assert data.class_names == ("d", "a", "b")
    assert data.counts("test").tolist() == [1, 0, 2]


def test_class_outside_the_frozen_list_is_named(make_folder):
    root = make_folder({"test/b": 2, "test/zebra": 1})
    with pytest.raises(DataError, match="unknown classes: 'zebra'"):
        open_data(root, class_names=["a", "b"])


def test_open_test_takes_the_test_split_or_else_everything(make_folder):
    root = make_folder({"train/a": 4, "test/a": 1, "test/b": 2})
    assert len(open_test(root, ["a", "b"])) == 3
    assert len(open_test(root / "test", ["b", "a"])) == 3
    assert open_test(root / "test", ["b", "a"]).labels.tolist() == [1, 0, 0]


def test_other_file_types_are_refused(tmp_path):
    (tmp_path / "data.zip").write_bytes(b"PK")
    with pytest.raises(DataError, match="unsupported data format"):
        open_data(tmp_path / "data.zip")


@pytest.fixture
def parquet_with_list(tmp_path):
    label_name = ["a", "b"] * 4
    write_parquet(tmp_path / "train.parquet", [0, 1] * 4, label_name=label_name)
    write_parquet(tmp_path / "test.parquet", [0, 1], label_name=["a", "b"])
    return tmp_path


def put_list(folder, *rows):
    (folder / "lists").mkdir(exist_ok=True)
    text = "\n".join(["file,row,label,label_name", *rows])
    (folder / "lists" / "lt.csv").write_text(text + "\n")
    return f"{folder}:list=lists/lt.csv"


def test_list_replaces_train_and_leaves_test(parquet_with_list):
    spec = put_list(parquet_with_list, "train.parquet,6,0,a", "train.parquet,1,1,b")
    data = open_data(spec)
    assert data.splits["train"].labels.tolist() == [0, 1]
    assert data.splits["train"].read(0) == encoded(1006)
    assert len(data.splits["test"]) == 2


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("train.parquet,8,0,a", "row 8 of train.parquet, which has rows 0 to 7"),
        ("train.parquet,,0,a", "row -1 of train.parquet"),
        ("train.parquet,x,0,a", "a row is not a number"),
        ("other.parquet,0,0,a", "names 'other.parquet'"),
        ("train.parquet,0,1,b", "listed as 'b' but the data says 'a'"),
        ("test.parquet,0,0,a", "is a test image"),
        ("train.parquet,0,0,c", "unknown classes: 'c'"),
        ("train.parquet,0,0,a", "1 of 2 classes have no training image: 'b'"),
    ],
)
def test_bad_entries_of_a_list_are_named(parquet_with_list, row, message):
    with pytest.raises(DataError, match=message):
        open_data(put_list(parquet_with_list, row))


def test_test_images_from_other_data_match_by_name(parquet_with_list, make_folder):
    other = make_folder({"b": 3})
    data = open_data(f"{parquet_with_list}:test={other}")
    assert data.counts("test").tolist() == [0, 3]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("{}:lists=x", "unknown option 'lists'. Choose one of: list, test"),
        ("{}:list=a,list=b", "is repeated"),
        ("{}:list=", "no value"),
        ("{}:list=none.csv", "no such list"),
        ("digits:imbalance=low", "imbalance=low: choose a number from 1"),
        ("", "nothing given"),
    ],
)
def test_bad_specifications_are_named(parquet_with_list, spec, message):
    with pytest.raises(DataError, match=message):
        open_data(spec.format(parquet_with_list))


def grouped(tmp_path, videos, labels):
    return write_parquet(tmp_path / "all.parquet", labels, video=videos)


def test_groups_never_straddle_splits_and_every_class_stays_in_train(tmp_path):
    rng = np.random.default_rng(0)
    videos = rng.integers(0, 40, 200)
    labels = (videos + rng.integers(0, 2, 200)) % 5
    path = grouped(tmp_path, [f"v{v}" for v in videos], labels.tolist())
    data = open_data(path, group_by="video", seed=3)
    seen = {
        name: {videos[split.ref(i).row] for i in range(len(split))}
        for name, split in data.splits.items()
    }
    assert set(seen) == {"train", "val", "test"}
    assert not seen["train"] & seen["val"]
    assert not seen["train"] & seen["test"]
    assert not seen["val"] & seen["test"]
    assert (data.counts() > 0).all()


def test_class_of_one_group_stays_in_train(tmp_path):
    path = grouped(tmp_path, ["v"] * 5 + list("abcde"), [0] * 5 + [1] * 5)
    assert open_data(path, group_by="video").counts("test").tolist() == [0, 1]


def test_group_on_both_sides_of_the_datas_own_split_is_an_error(tmp_path):
    write_parquet(tmp_path / "train.parquet", [0, 1], video=["v", "w"])
    write_parquet(tmp_path / "test.parquet", [0, 1], video=["v", "x"])
    with pytest.raises(DataError, match="group 'v' has images in both train and test"):
        open_data(tmp_path, group_by="video")


def test_unknown_group_column_is_named(tmp_path):
    path = write_parquet(tmp_path / "x.parquet", [0, 1])
    with pytest.raises(DataError, match="no column 'animal' to group by"):
        open_data(path, group_by="animal")
    with pytest.raises(DataError, match="digits: has no columns to group by"):
        open_data("digits", group_by="animal")


def test_fashion_products_has_142_classes_and_35_without_test_images(shared):
    data = open_data(shared / "fashion-products", val_fraction=0)
    counts = data.counts()
    assert (len(data.splits["train"]), len(data.splits["test"])) == (42_172, 1_482)
    assert (counts.max(), counts.min(), data.num_classes) == (6_848, 1, 142)
    assert int((data.counts("test") == 0).sum()) == 35


def test_published_tails_of_tiny_imagenet_b(shared):
    sizes = {"lt10": 19_573, "lt50": 12_608, "lt100": 10_847, "lt200": 9_502, "lt100-small": 4_311}
    for name, size in sizes.items():
        spec = f"{shared}/tiny-imagenet-b:list=lists/{name}.csv"
        data = open_data(spec, val_fraction=0)
        assert (len(data.splits["train"]), len(data.splits["test"])) == (size, 5_000)


def test_pacs_trains_on_one_domain_and_tests_on_another(shared):
    spec = f"{shared}/pacs/photo.parquet:test={shared}/pacs/sketch.parquet"
    data = open_data(spec, val_fraction=0)
    assert (len(data.splits["train"]), len(data.splits["test"])) == (1_670, 3_929)


def test_test_images_from_elsewhere_must_not_be_training_images(make_folder, tmp_path, monkeypatch):
    root = make_folder({"a": 6, "b": 6})
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to(root)
    for other in ("photos", str(root), "link", "photos/../photos"):
        with pytest.raises(DataError, match="12 test images are also train images, such as"):
            open_data(f"photos:test={other}")


@pytest.mark.parametrize(
    "spelling", ["test/a/000.png", "train/../test/a/000.png", "{}/test/a/000.png"]
)
def test_a_training_list_names_no_test_image_however_it_is_written(make_folder, spelling):
    root = make_folder({"train/a": 2, "train/b": 2, "test/a": 1, "test/b": 1})
    rows = [spelling.format(root) + ",a", "train/b/000.png,b"]
    (root / "l.csv").write_text("path,label\n" + "\n".join(rows))
    with pytest.raises(DataError, match="must not name test images"):
        open_data(f"{root}:list=l.csv")
