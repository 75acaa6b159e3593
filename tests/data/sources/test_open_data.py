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
    assert len(open_test(root, ["a", "b"]).split("test")) == 3
    assert len(open_test(root / "test", ["b", "a"]).split("test")) == 3
    assert open_test(root / "test", ["b", "a"]).split("test").labels.tolist() == [1, 0, 0]


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


def numbered_list(folder, name, labels):
    for i in range(len(labels)):
        (folder / f"{i}.png").write_bytes(encoded(i))
    rows = "".join(f"{i}.png,{label}\n" for i, label in enumerate(labels))
    (folder / name).write_text("path,label\n" + rows)
    return folder / name


def test_labels_of_a_list_are_matched_by_name_whatever_their_form(tmp_path):
    path = numbered_list(tmp_path, "new.csv", ["1.0", "2.0", "1.0"])
    assert open_test(path, ["3", "2", "1"]).split("test").labels.tolist() == [2, 1, 2]
    assert open_test(path, ["01", "02"]).split("test").labels.tolist() == [0, 1, 0]
    with pytest.raises(DataError, match="append :labels=index"):
        open_test(path, ["cat", "dog", "owl"])
    assert open_test(f"{path}:labels=index", ["cat", "dog", "owl"]).split(
        "test"
    ).labels.tolist() == [1, 2, 1]
    with pytest.raises(DataError, match="unknown classes: '1'"):
        open_test(f"{path}:labels=index", ["0", "2", "3"])  # a class has a number for its name
    with pytest.raises(DataError, match="labels=names: the only choice"):
        open_test(f"{path}:labels=names", ["1", "2"])


def test_words_for_splits_are_given_with_the_data(tmp_path, make_folder):
    path = numbered_list(tmp_path, "l.csv", ["a", "b", "a", "b"])
    path.write_text(path.read_text().replace(",a\n", ",a,train\n").replace(",b\n", ",b,Hold out\n"))
    path.write_text(path.read_text().replace("label\n", "label,split\n"))
    with pytest.raises(DataError, match="unknown split 'Hold out'"):
        open_data(path, class_names=["a", "b"])
    data = open_data(f"{path}:splits=hold out:test", class_names=["a", "b"])
    assert (len(data.split("train")), len(data.split("test"))) == (2, 2)
    assert len(open_data(f"{path}:split=none", test_fraction=0).split("train")) == 4
    root = make_folder({"train/a": 2, "train/b": 2, "holdout/a": 1, "holdout/b": 1})
    assert len(open_data(f"{root}:splits=holdout:test").split("test")) == 2


def test_classes_called_train_and_test_are_read_as_classes_on_request(make_folder):
    root = make_folder({"train/x": 3, "test/x": 3})
    data = open_data(f"{root}:split=none", test_fraction=0)
    assert data.class_names == ("test", "train")


@pytest.mark.parametrize("folder", ["lists", "lists, old", "a=b, c"])
def test_a_list_is_found_in_the_data_or_from_here(parquet_with_list, tmp_path, monkeypatch, folder):
    put_list(parquet_with_list, "train.parquet,6,0,a", "train.parquet,1,1,b")
    (parquet_with_list / "lists").rename(parquet_with_list / folder)
    spec = f"{parquet_with_list}:list={folder}/lt.csv"
    assert len(open_data(spec).split("train")) == 2
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (parquet_with_list / folder).rename(elsewhere / folder)
    with pytest.raises(DataError, match="no such list in"):
        open_data(spec)
    monkeypatch.chdir(elsewhere)
    assert len(open_data(spec).split("train")) == 2


def test_a_list_in_both_places_is_the_one_in_the_data_with_a_note(parquet_with_list, monkeypatch):
    spec = put_list(parquet_with_list, "train.parquet,6,0,a", "train.parquet,1,1,b")
    here = parquet_with_list / "here"
    (here / "lists").mkdir(parents=True)
    (here / "lists" / "lt.csv").write_text("not this one")
    monkeypatch.chdir(here)
    assert any("not lists/lt.csv of the current folder" in note for note in open_data(spec).notes)


def test_a_training_list_names_no_test_images_however_they_are_written(make_folder):
    root = make_folder({"train/a": 2, "train/b": 2, "test/a": 2, "test/b": 1})
    for test in ("test/a/000.png", f"{root}/test/a/000.png", "train/../test/a/000.png"):
        (root / "l.csv").write_text(f"path,label\ntrain/a/000.png,a\ntrain/b/000.png,b\n{test},a\n")
        with pytest.raises(DataError, match="is a test image"):
            open_data(f"{root}:list=l.csv")


def test_a_folder_named_like_a_known_set_wins_with_a_note(make_folder, monkeypatch):
    root = make_folder({"even": 4, "odd": 4})
    root.rename(root.parent / "digits")
    monkeypatch.chdir(root.parent)
    data = open_data("digits")
    assert data.class_names == ("even", "odd")
    assert "not the known data set (that is digits:imbalance=...)" in data.notes[0]
    assert open_data("digits:imbalance=50").num_classes == 10
    assert open_data("./digits").notes == ()


def test_blanks_that_nobody_sees_are_noted(tmp_path):
    path = numbered_list(tmp_path, "l.csv", ["a", "\xa0a", "b", " b "])
    data = open_data(path, test_fraction=0)
    assert data.class_names == ("a", "b")
    assert data.notes == (
        "note      unusual blanks around 1 values of 'label' are ignored, such as '\\xa0a'",
    )


@pytest.mark.parametrize("name", ["TRAIN.CSV", "x.Tsv", "DATA.PARQUET"])
def test_suffixes_ignore_case(tmp_path, name):
    if name == "DATA.PARQUET":
        path = write_parquet(tmp_path / "sub" / name, [0, 1, 0, 1])
        assert len(open_data(path.parent, test_fraction=0).split("train")) == 4
    else:
        path = numbered_list(tmp_path, name, [0, 1, 0, 1])
        if name == "x.Tsv":
            path.write_text(path.read_text().replace(",", "\t"))
    assert len(open_data(path, test_fraction=0).split("train")) == 4


@pytest.mark.parametrize("spec", ["x" * 5000, "a\0b", "~nobody-of-this-name/x", "photos:list=a\0"])
def test_texts_that_are_no_paths_are_named(spec):
    with pytest.raises(DataError, match="no such folder"):
        open_data(spec)


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
