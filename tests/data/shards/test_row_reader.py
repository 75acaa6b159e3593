"""Rows of Parquet files and tar shards are read alike."""

import pickle

import pytest

from lpt.data.shards.row_reader import RowReader, row_count
from lpt.errors import DataError

from ..conftest import encoded, write_parquet, write_shard


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.setenv("LPT_CACHE", str(tmp_path / "cache"))
    return [
        write_parquet(tmp_path / "a.Parquet", [0, 1, 0]),
        write_shard(tmp_path / "a.TAR", [0, 1, 0, 1]),
    ]


def test_the_suffix_decides(files):
    assert list(map(row_count, files)) == [3, 4]
    reader = RowReader()
    for one in (reader, pickle.loads(pickle.dumps(reader))):
        assert [one.read(path, 2) for path in files] == [encoded(1002)] * 2


@pytest.mark.parametrize("name", ["b.parquet", "b.tar"])
def test_a_file_that_is_missing_is_named(name, tmp_path):
    with pytest.raises(DataError, match=name.replace(".", r"\.")):
        row_count(tmp_path / name)
