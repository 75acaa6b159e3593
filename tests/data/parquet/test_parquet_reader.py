"""Reading images from row groups of Parquet files."""

import os
import subprocess
import sys

import pyarrow as pa
import pytest

from lpt.data.parquet.parquet_reader import RowGroupReader, image_column, open_parquet, row_count
from lpt.errors import DataError

from ..conftest import encoded, write_parquet


def test_row_groups_are_dropped_when_they_exceed_the_cache(tmp_path):
    path = write_parquet(tmp_path / "x.parquet", [0] * 16)  # row groups of 4
    reader = RowGroupReader(max_bytes=1)
    assert [reader.read(path, i) for i in (0, 15, 1)] == [encoded(1000 + i) for i in (0, 15, 1)]
    with pytest.raises(DataError, match="row 16: the file has 16 rows"):
        reader.read(path, 16)


def test_row_groups_in_the_cache_are_not_read_again(tmp_path):
    path = write_parquet(tmp_path / "x.parquet", [0] * 16)
    large, small = RowGroupReader(), RowGroupReader(max_bytes=1)
    for reader in (large, small):
        assert [reader.read(path, i) for i in (0, 15)] == [encoded(1000), encoded(1015)]
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    with path.open("r+b") as file:  # damage all of the file, keep its size and time
        file.write(bytes(path.stat().st_size))
    os.utime(path, ns=times)
    assert large.read(path, 1) == encoded(1001)
    with pytest.raises(DataError, match="damaged"):
        small.read(path, 1)  # its group was dropped


def test_rows_and_the_image_column_are_found(tmp_path):
    path = write_parquet(tmp_path / "x.parquet", [0, 1, 0])
    assert row_count(path) == 3
    assert image_column(open_parquet(path).schema_arrow, path) == "image"


def test_missing_file_and_ambiguous_columns_are_named(tmp_path):
    with pytest.raises(DataError, match=r"none\.parquet: no such Parquet file"):
        open_parquet(tmp_path / "none.parquet")
    schema = pa.schema([("left", pa.binary()), ("right", pa.binary())])
    with pytest.raises(DataError, match="found 2 columns of image bytes in left, right"):
        image_column(schema, tmp_path / "x.parquet")


def test_pyarrow_is_imported_when_a_parquet_file_is_opened(tmp_path):
    """Predicting image files does without it."""
    path = write_parquet(tmp_path / "x.parquet", [0, 1])
    code = """
import sys
import lpt.data.image_stores, lpt.data.loading, lpt.data.images.transforms
import lpt.data.sources.open_data
assert "pyarrow" not in sys.modules
from lpt.data.sources.open_data import open_data
open_data(sys.argv[1])
assert "pyarrow" in sys.modules
"""
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)
