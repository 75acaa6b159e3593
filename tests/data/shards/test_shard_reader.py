"""Images of tar files are read at their places."""

import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest

from lpt.data.shards import shard_reader
from lpt.data.shards.shard_reader import ShardReader
from lpt.errors import DataError
from lpt.files import file_watch

from ..conftest import encoded, write_shard, write_tar


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LPT_CACHE", str(tmp_path / "cache"))


def test_images_are_read_in_any_order_from_any_thread(tmp_path):
    paths = [write_shard(tmp_path / f"{k}.tar", [0] * 5, first=10 * k) for k in range(3)]
    reader = ShardReader()
    places = [(k, row) for row in (4, 0, 3) for k in (2, 0, 1)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda place: reader.read(paths[place[0]], place[1]), places))
    assert found == [encoded(10 * k + row) for k, row in places]
    assert pickle.loads(pickle.dumps(reader)).read(paths[1], 2) == encoded(12)


@pytest.mark.parametrize("row", [-1, 5])
def test_a_row_that_is_not_there_is_named(row, tmp_path):
    path = write_shard(tmp_path / "a.tar", [0] * 5)
    with pytest.raises(DataError, match=rf"a\.tar row {row}: the file has 5 images"):
        ShardReader().read(path, row)


def test_an_image_that_is_too_large_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(shard_reader, "MAX_FILE_BYTES", 10)
    path = write_tar(tmp_path / "a.tar", {"1.jpg": bytes(11), "1.cls": b"0"})
    with pytest.raises(DataError, match=r"a\.tar row 0: 11 bytes, more than the 10 bytes"):
        ShardReader().read(path, 0)


def test_a_file_that_is_replaced_or_cut_off_is_named(tmp_path, monkeypatch):
    path = write_shard(tmp_path / "a.tar", [0] * 5)
    reader = ShardReader()
    reader.read(path, 0)
    data = path.read_bytes()
    path.write_bytes(data[:3000])
    with pytest.raises(DataError, match=r"a\.tar: damaged: it was changed while it was in use"):
        reader.read(path, 4)
    path.write_bytes(data[::-1])
    monkeypatch.setattr(file_watch, "_CHECK_SECONDS", 0.0)
    with pytest.raises(DataError, match=r"a\.tar: damaged: it was changed while it was in use"):
        reader.read(path, 0)
