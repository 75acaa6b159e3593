"""Data sets in Parquet files."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lpt.data.image_stores import ImageRef
from lpt.data.sources.open_data import open_data
from lpt.errors import DataError

from ..conftest import encoded, write_parquet


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
    pq.write_table(pa.table({"image": images, "label": ["yak", "owl"]}), path)
    data = open_data(path)
    assert data.class_names == ("owl", "yak")
    assert data.splits["train"].read(1) == encoded(1)


def test_hugging_face_class_names_are_read_from_the_metadata(tmp_path):
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
    with pytest.raises(DataError, match="entry 2: column 'label' has no value"):
        open_data(path)


@pytest.mark.parametrize(
    ("split", "shown"),
    [([0, 0, 1, 1], r"\(int64\): unknown split '0', '1'"), ([True] * 2 + [False] * 2, "'True'")],
)
def test_splits_that_are_no_words_are_named_with_their_type(tmp_path, split, shown):
    path = write_parquet(tmp_path / "x.parquet", [0, 1, 0, 1], split=split)
    with pytest.raises(DataError, match=rf"x\.parquet: column 'split' .*{shown}"):
        open_data(path)
    names = [str(value) for value in dict.fromkeys(split)]
    data = open_data(f"{path}:splits={names[0]}:train+{names[1]}:test")
    assert (len(data.split("train")), len(data.split("test"))) == (2, 2)


@pytest.mark.parametrize(
    ("column", "values", "kind"),
    [("label", [[0], [1]], "list"), ("split", [{"a": 1}] * 2, "struct"), ("nest", [b"a"] * 2, "")],
)
def test_columns_of_other_types_are_named(tmp_path, column, values, kind):
    table = {"image": [encoded(0), encoded(1)], "label": [0, 1], column: values}
    pq.write_table(pa.table(table), tmp_path / "x.parquet")
    with pytest.raises(DataError, match=f"column '{column}' has the type {kind}"):
        open_data(tmp_path / "x.parquet", group_by="nest" if column == "nest" else None)


def test_labels_of_two_types_in_two_files_are_refused(tmp_path):
    write_parquet(tmp_path / "train-0.parquet", [0, 1])
    write_parquet(tmp_path / "train-1.parquet", ["owl", "yak"])
    with pytest.raises(DataError, match=r"labels are int64 in .*, but string in .*train-1"):
        open_data(tmp_path)


def test_missing_labels_and_repeated_columns_are_refused(tmp_path):
    path = write_parquet(tmp_path / "x.parquet", [0.0, float("nan"), 1.0])
    with pytest.raises(DataError, match="entry 2: column 'label' has no value"):
        open_data(path)
    write_parquet(path, [0, 1], Label=[0, 1])
    with pytest.raises(DataError, match="two columns are called 'Label'"):
        open_data(path)
    write_parquet(path, [0, 1, 0], nest=["a", "", None])
    with pytest.raises(DataError, match=r"entries 2, 3: column 'nest' has no value"):
        open_data(path, group_by="Nest")


def paths_only(path, names, some=None):
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    rows = [{"bytes": (some or {}).get(i), "path": name} for i, name in enumerate(names)]
    labels = [i % 2 for i in range(len(names))]
    pq.write_table(pa.table({"image": pa.array(rows, type=kind), "label": labels}), path)


def test_paths_in_place_of_image_bytes_are_read_beside_the_file(tmp_path):
    for i in range(2):
        (tmp_path / f"{i}.png").write_bytes(encoded(i))
    path = tmp_path / "x.parquet"
    paths_only(path, ["0.png", "1.png"])
    data = open_data(path)
    assert data.split("train").read(1) == encoded(1)
    assert data.split("train").ref(1) == ImageRef(tmp_path / "1.png")
    paths_only(path, ["0.png", "gone.png"])
    with pytest.raises(DataError, match=r"names 'gone\.png'") as caught:
        open_data(path)
    assert "write it with the image bytes" in str(caught.value)


def test_rows_without_bytes_among_others_are_read_beside_the_file(tmp_path):
    (tmp_path / "1.png").write_bytes(encoded(1))
    path = tmp_path / "x.parquet"
    paths_only(path, ["0.png", "1.png", "../secret.png", "gone.png"], {0: encoded(0)})
    train = open_data(path, test_fraction=0).split("train")
    assert [train.read(0), train.read(1)] == [encoded(0), encoded(1)]
    for row in (2, 3):
        with pytest.raises(DataError, match=f"row {row}: holds the path .* and no image"):
            train.read(row)


def test_a_parquet_file_of_paths_is_a_list(tmp_path):
    for i in range(2):
        (tmp_path / f"{i}.png").write_bytes(encoded(i))
    table = pa.table({"Path": ["0.png", "1.png"], "Label": ["owl", "yak"]})
    pq.write_table(table, tmp_path / "list.parquet")
    data = open_data(tmp_path / "list.parquet")
    assert data.class_names == ("owl", "yak")
    assert data.split("train").read(1) == encoded(1)
