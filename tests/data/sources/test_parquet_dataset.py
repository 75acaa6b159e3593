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
