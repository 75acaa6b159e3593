"""Stores of encoded images."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from lpt.data.image_stores import FileStore, ImageRef, MemoryStore, Strings
from lpt.data.sources.open_data import open_data
from lpt.errors import DataError

from .conftest import write_parquet


def test_stores_can_be_pickled(tmp_path):
    write_parquet(tmp_path / "train.parquet", [0, 1] * 4)
    split = open_data(tmp_path / "train.parquet").splits["train"]
    first = split.read(0)
    assert pickle.loads(pickle.dumps(split)).read(0) == first


def test_half_a_million_file_names_stay_compact():
    paths = Strings(f"train/n{i % 1000:08d}/image_{i:08d}.jpeg" for i in range(50_000))
    assert len(pickle.dumps(paths)) < 50_000 * 50
    assert paths[49_999] == "train/n00000999/image_00049999.jpeg"


def test_file_that_vanished_is_named(make_folder):
    root = make_folder({"a": 2, "b": 2})
    split = open_data(root, test_fraction=0).splits["train"]
    (root / "a" / "000.png").unlink()
    with pytest.raises(DataError, match=r"a/000\.png: no such file"):
        split.read(0)


def test_images_of_another_store_are_found_by_file_and_row(tmp_path):
    rows = np.array([-1, 0, 1, 2], dtype=np.int64)
    file = np.array([0, 1, 1, 1], dtype=np.int32)
    store = FileStore(tmp_path, Strings(["a.png", "b.parquet"]), file, rows)
    assert store.find(store.take([3, 0])).tolist() == [3, 0]
    other = FileStore(tmp_path, Strings(["b.parquet", "c.png"]), np.array([1, 0]), rows[:2])
    assert store.find(other).tolist() == [-1, 1]
    assert FileStore.of_files(tmp_path, []).find(store).tolist() == [-1] * 4


def test_memory_is_addressed_as_files_are():
    store = MemoryStore("digits", (b"one", b"two"))
    assert (len(store), store.read(1), store.ref(1)) == (2, b"two", ImageRef(Path("digits"), 1))
    assert str(store.ref(1)) == "digits row 1"


def test_files_are_found_in_every_spelling(tmp_path, monkeypatch):
    for name in ("a.png", "b.png"):
        (tmp_path / "x").mkdir(exist_ok=True)
        (tmp_path / "x" / name).write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    store = FileStore.of_files(Path("x"), ["a.png", "b.png"])
    written = [str(tmp_path / "x" / "b.png"), "../x/a.png", "./b.png", "c.png"]
    assert store.find(FileStore.of_files(Path("x"), written)).tolist() == [1, 0, 1, -1]
