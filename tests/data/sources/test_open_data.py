import pickle

import numpy as np
import pytest

from lpt.data.class_groups import imbalance
from lpt.data.image_stores import ImageRef
from lpt.data.sources.open_data import open_data, open_test
from lpt.errors import DataError

from ..conftest import encoded, write_parquet


def names(split, manifest):
    return [manifest.class_names[label] for label in split.labels]


def refs(split):
    return {split.name_of(i) for i in range(len(split))}


# Folders


def test_folder_with_splits_is_taken_as_it_is(make_folder):
    root = make_folder({"train/cat": 3, "train/ant": 2, "validation/cat": 1, "test/ant": 2})
    data = open_data(root)
    assert data.class_names == ("ant", "cat")
    assert {name: len(split) for name, split in data.splits.items()} == {
        "train": 5,
        "val": 1,
        "test": 2,
    }
    assert data.counts().tolist() == [2, 3]
    assert data.counts("test").tolist() == [2, 0]
    assert data.splits["test"].ref(0) == ImageRef(root / "test/ant/000.png")
    assert data.splits["train"].read(0) == (root / "train/ant/000.png").read_bytes()


def test_flat_folder_is_split_by_class_and_every_class_stays_in_train(make_folder):
    data = open_data(make_folder({"a": 40, "b": 10, "c": 2, "d": 1}))
    assert data.counts("test").tolist() == [8, 2, 0, 0]
    assert data.counts("val").tolist() == [3, 0, 0, 0]  # b has 8 left, fewer than 10
    assert data.counts("train").tolist() == [29, 8, 2, 1]


def test_splits_share_no_image_and_lose_none(make_folder):
    data = open_data(make_folder({"a": 40, "b": 15}))
    parts = [refs(split) for split in data.splits.values()]
    assert sum(map(len, parts)) == 55 == len(set.union(*parts))


def test_seed_decides_the_split(make_folder):
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


def test_other_files_and_hidden_files_are_passed_over(make_folder):
    root = make_folder({"a": 2, "b": 2})
    (root / "a" / "notes.txt").write_text("x")
    (root / "a" / ".cache.png").write_bytes(b"")
    (root / ".git").mkdir()
    assert open_data(root, test_fraction=0).counts().tolist() == [2, 2]


def test_images_may_lie_deeper_in_a_class_folder(make_folder):
    root = make_folder({"a/2019/june": 2, "b": 2})
    assert open_data(root, test_fraction=0).counts().tolist() == [2, 2]


def test_image_that_cannot_be_decoded_is_not_left_out_in_silence(make_folder):
    root = make_folder({"a": 2, "b": 2})
    (root / "a" / "phone.HEIC").write_bytes(b"x")
    with pytest.raises(DataError, match=r"phone\.HEIC: \.heic images cannot be decoded"):
        open_data(root)


def test_bad_folders_are_named_with_a_remedy(make_folder, tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        open_data(tmp_path / "nowhere")
    root = make_folder({"a": 2, "b": 0})
    with pytest.raises(DataError, match=r"photos/b: the class folder holds no image"):
        open_data(root)
    (root / "b").rmdir()
    with pytest.raises(DataError, match="only one class, 'a'"):
        open_data(root)
    (root / "train").mkdir()
    with pytest.raises(DataError, match=r"mixes split folders .* 'a'"):
        open_data(root)
    with pytest.raises(DataError, match="no class folders"):
        open_data(root / "train")


def test_class_with_test_images_only_is_an_error(make_folder):
    root = make_folder({"train/a": 2, "train/b": 2, "test/a": 1, "test/c": 1})
    with pytest.raises(DataError, match="1 of 3 classes have no training image: 'c'"):
        open_data(root)


# Frozen class lists


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


# Lists


def write_images(folder, files):
    for number, name in enumerate(files):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(encoded(number))


def test_csv_with_names_and_splits(tmp_path):
    write_images(tmp_path, ["x/1.png", "x/2.png", "x/3.png"])
    (tmp_path / "list.csv").write_text(
        "path,label,label_name,split\nx/1.png,1,owl,train\nx/2.png,0,yak,training\nx/3.png,1,owl,test\n"
    )
    data = open_data(tmp_path / "list.csv", val_fraction=0)
    assert data.class_names == ("yak", "owl")  # by label, not by name
    assert data.splits["train"].labels.tolist() == [1, 0]
    assert names(data.splits["test"], data) == ["owl"]


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("l.tsv", "file\tlabel\n1.png\towl\nmy 2.png\tyak\n"),
        ("l.txt", "1.png owl\n\nmy 2.png yak\n"),
        ("l.csv", "\ufefffile,label_name\n1.png,owl\nmy 2.png,yak\n"),
    ],
)
def test_lists_with_names_as_labels(tmp_path, file, text):
    write_images(tmp_path, ["1.png", "my 2.png"])
    (tmp_path / file).write_text(text, encoding="utf-8")
    data = open_data(tmp_path / file)
    assert data.class_names == ("owl", "yak")
    assert data.splits["train"].name_of(1).endswith("my 2.png")


def test_integer_labels_are_ordered_as_numbers(tmp_path):
    write_images(tmp_path, ["a.png", "b.png", "c.png"])
    (tmp_path / "l.txt").write_text("a.png 10\nb.png 9\nc.png 0\n")
    assert open_data(tmp_path / "l.txt").class_names == ("0", "9", "10")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,label\n", "names no image"),
        ("path,colour\n1.png,red\n", "no column 'label' among path, colour"),
        ("label\n1\n", "no column 'path'"),
        ("path,label\n1.png,\n", "entry 1: path or label is empty"),
        ("path,label\n1.png,0,0\n", "line 2: 3 values for 2 columns"),
        ("path,label\ngone.png,0\n", "names 'gone.png', which is not in"),
        ("path,label\n../secret.png,0\n", "leaves the folder"),
        ("path,label\nx/../../secret.png,0\n", "leaves the folder"),
        ("path,label,label_name\n1.png,0,owl\n2.png,0,yak\n", "0 is called both 'owl' and 'yak'"),
        ("path,label,label_name\n1.png,0,owl\n2.png,1,owl\n", "'owl' belongs to several labels"),
        ("path,label,label_name\n1.png,-1,owl\n2.png,1,yak\n", "label -1 is negative"),
        ("path,label,label_name\n1.png,x1,owl\n2.png,1,yak\n", "labels such as 'x1'"),
        ("path,label,row\n1.png,0,3\n2.png,1,\n", "1.png has a row but is no Parquet file"),
        ("path,label\n1.png,0\n2.png,0\n", "only one class"),
        ("path,label,split\n1.png,0,train\n2.png,1,\n", "others none"),
    ],
)  # fmt: skip
def test_bad_lists_are_named_with_what_is_wrong(tmp_path, text, message):
    write_images(tmp_path, ["1.png", "2.png"])
    (tmp_path / "l.csv").write_text(text)
    with pytest.raises(DataError, match=message) as caught:
        open_data(tmp_path / "l.csv")
    assert "l.csv" in str(caught.value)


def test_text_line_without_label_is_named(tmp_path):
    (tmp_path / "l.txt").write_text("1.png\n")
    with pytest.raises(DataError, match=r"line 1: '1\.png' has no label"):
        open_data(tmp_path / "l.txt")


def test_binary_file_as_list_is_an_error(tmp_path):
    (tmp_path / "l.csv").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(DataError, match="not a readable text file"):
        open_data(tmp_path / "l.csv")


def test_other_file_types_are_refused(tmp_path):
    (tmp_path / "data.zip").write_bytes(b"PK")
    with pytest.raises(DataError, match="not data this package reads"):
        open_data(tmp_path / "data.zip")


# Parquet


def test_parquet_folder_takes_splits_from_file_names(tmp_path):
    write_parquet(tmp_path / "train-0.parquet", [1, 0, 1], label_name=["b", "a", "b"])
    write_parquet(tmp_path / "train-1.parquet", [0], label_name=["a"])
    write_parquet(tmp_path / "test.parquet", [1], label_name=["b"])
    data = open_data(tmp_path)
    assert data.class_names == ("a", "b")
    assert data.splits["train"].labels.tolist() == [1, 0, 1, 0]
    assert data.splits["train"].ref(3) == ImageRef(tmp_path / "train-1.parquet", 0)
    assert data.splits["train"].name_of(1).endswith("train-0.parquet row 1")
    assert data.splits["train"].read(2) == encoded(1002)


def test_split_called_all_means_unsplit(tmp_path):
    path = write_parquet(tmp_path / "photo.parquet", [0, 1] * 20, split=["all"] * 40)
    data = open_data(path, val_fraction=0)
    assert data.counts("test").tolist() == [4, 4]


def test_parquet_labels_may_be_names_and_images_structs(tmp_path):
    images = [{"bytes": encoded(i), "path": None} for i in range(2)]
    path = write_parquet(tmp_path / "x.parquet", ["yak", "owl"])
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"image": images, "label": ["yak", "owl"]}), path)
    data = open_data(path)
    assert data.class_names == ("owl", "yak")
    assert data.splits["train"].read(1) == encoded(1)


def test_hugging_face_class_names_are_read_from_the_metadata(tmp_path):
    import json

    import pyarrow as pa
    import pyarrow.parquet as pq

    info = {"info": {"features": {"label": {"names": ["owl", "yak"], "_type": "ClassLabel"}}}}
    table = pa.table({"image": [encoded(0), encoded(1)], "label": [1, 0]})
    table = table.replace_schema_metadata({"huggingface": json.dumps(info)})
    pq.write_table(table, tmp_path / "x.parquet")
    assert open_data(tmp_path / "x.parquet").class_names == ("owl", "yak")


def test_bad_parquet_is_named(tmp_path):
    path = tmp_path / "train.parquet"
    path.write_bytes(b"PAR1 no PAR1")
    with pytest.raises(DataError, match=r"train\.parquet: not a readable Parquet file"):
        open_data(path)
    write_parquet(path, [0, 1, 0], label_name=["a", "b", "c"])
    with pytest.raises(DataError, match="label 0 is called both 'a' and 'c'"):
        open_data(path)
    write_parquet(path, [0, None])
    with pytest.raises(DataError, match="column 'label' has 1 nulls"):
        open_data(path)


def test_row_groups_are_dropped_when_they_exceed_the_cache(tmp_path):
    from lpt.data.parquet_reader import RowGroupReader

    path = write_parquet(tmp_path / "x.parquet", [0] * 16)  # row groups of 4
    reader = RowGroupReader(max_bytes=1)
    assert [reader.read(path, i) for i in (0, 15, 1)] == [encoded(1000 + i) for i in (0, 15, 1)]
    assert len(reader._groups) == 1
    with pytest.raises(DataError, match="row 16: the file has 16 rows"):
        reader.read(path, 16)


# Options


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
        ("{}:lists=x", "unknown option 'lists'. Options here: list, test"),
        ("{}:list=a,list=b", "given twice"),
        ("{}:list=", "no value"),
        ("{}:list=none.csv", "no such list"),
        ("digits:imbalance=low", "imbalance=low is not a number of 1 or more"),
        ("", "nothing given"),
    ],
)
def test_bad_specifications_are_named(parquet_with_list, spec, message):
    with pytest.raises(DataError, match=message):
        open_data(spec.format(parquet_with_list))


# Groups


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
    with pytest.raises(DataError, match="digits: has no columns, so none to group by"):
        open_data("digits", group_by="animal")


# Digits


def test_digits_are_long_tailed_with_a_balanced_test():
    data = open_data("digits", val_fraction=0)
    counts = data.counts()
    assert counts.tolist() == sorted(counts, reverse=True)
    assert 45 <= imbalance(counts) <= 75
    assert data.counts("test").tolist() == [30] * 10
    assert open_data("digits:imbalance=1", val_fraction=0).counts().tolist() == [144] * 10


def test_digits_repeat_with_their_seed():
    one, two, other = (open_data("digits", seed=s).splits["train"] for s in (1, 1, 2))
    assert [one.read(i) for i in range(9)] == [two.read(i) for i in range(9)]
    assert [one.read(i) for i in range(9)] != [other.read(i) for i in range(9)]


# Stores


def test_splits_survive_pickling_with_no_open_file(parquet_with_list):
    split = open_data(parquet_with_list).splits["train"]
    first = split.read(0)
    assert pickle.loads(pickle.dumps(split)).read(0) == first


def test_half_a_million_file_names_stay_compact():
    from lpt.data.image_stores import Strings

    paths = Strings(f"train/n{i % 1000:08d}/image_{i:08d}.jpeg" for i in range(50_000))
    assert len(pickle.dumps(paths)) < 50_000 * 50
    assert paths[49_999] == "train/n00000999/image_00049999.jpeg"


def test_file_that_vanished_is_named(make_folder):
    root = make_folder({"a": 2, "b": 2})
    split = open_data(root, test_fraction=0).splits["train"]
    (root / "a" / "000.png").unlink()
    with pytest.raises(DataError, match=r"a/000\.png: cannot be read \(No such file"):
        split.read(0)


def test_missing_split_names_those_there_are(make_folder):
    data = open_data(make_folder({"train/a": 1, "train/b": 1, "test/a": 1}))
    with pytest.raises(DataError, match=r"no val split \(there is train, test"):
        data.counts("val")


# Real images


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
