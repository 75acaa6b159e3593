"""A Parquet file that would fill the memory is refused, and so is one that changes while in use."""

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lpt.data.parquet import parquet_limits
from lpt.data.parquet.parquet_limits import file_state, read_bounded
from lpt.data.parquet.parquet_reader import RowGroupReader, open_parquet
from lpt.data.sources.open_data import open_data
from lpt.errors import DataError

from ..conftest import write_parquet


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same limits, a hundred times smaller."""
    monkeypatch.setattr(parquet_limits, "_FREE", 2**21)


def test_columns_are_read_as_pyarrow_reads_them(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "x.parquet", [0, 1, 0] * 7)
    file = open_parquet(path)
    names = file.schema_arrow.names
    for chosen in (names, names[:1]):
        assert read_bounded(file, path, chosen).equals(file.read(columns=chosen))
    image = [next(name for name in names if name == "image")]
    found = read_bounded(file, path, image, group=1)
    assert found.equals(file.read_row_group(1, columns=image))


def test_a_table_without_rows_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"label": pa.array([], pa.int64())}), path)
    assert read_bounded(open_parquet(path), path, ["label"]).num_rows == 0


def test_a_value_repeated_thousands_of_times_is_refused(tmp_path: Path, small: None) -> None:
    """6.75 GB in 99 kB, a hundred times smaller."""
    path = tmp_path / "bomb.parquet"
    value = pa.array([bytes(2**16)] * 1000, pa.binary())
    pq.write_table(pa.table({"image": value, "label": pa.array(range(1000))}), path)
    assert path.stat().st_size < 100_000
    with pytest.raises(DataError, match=r"bomb\.parquet: decodes to more than"):
        RowGroupReader().read(path, 0)


def test_a_file_of_many_rows_in_few_bytes_is_refused_before_it_is_read(
    tmp_path: Path, small: None
) -> None:
    path = tmp_path / "rows.parquet"
    n = 4_000_000
    columns = {"image": pa.nulls(n, pa.binary()), "label": pa.array([0] * n, pa.int64())}
    pq.write_table(pa.table(columns), path)
    with pytest.raises(DataError, match=r"rows\.parquet: has 4,000,000 rows in .* Leave it out"):
        open_data(path)


def test_rows_that_are_structs_are_bounded_as_tightly(tmp_path: Path) -> None:
    path, n = tmp_path / "structs.parquet", 2_000_000
    nulls = [pa.nulls(n, pa.binary()), pa.nulls(n, pa.string())]
    image = pa.StructArray.from_arrays(nulls, ["bytes", "path"])
    pq.write_table(pa.table({"image": image, "label": pa.nulls(n, pa.int8())}), path)
    assert path.stat().st_size < 100_000
    with pytest.raises(DataError, match=r"structs\.parquet: has 2,000,000 rows in .* Leave it out"):
        open_data(path)


def test_an_image_repeated_in_many_row_groups_is_refused(tmp_path: Path, small: None) -> None:
    """1,300 times 5 MB in 1,339 bytes, a hundred times smaller: no group is large."""
    path, rows = tmp_path / "bomb.parquet", 50
    kind = pa.dictionary(pa.int32(), pa.binary())
    image = pa.DictionaryArray.from_arrays(
        pa.array([0] * rows, pa.int32()), pa.array([bytes(2**15)])
    )
    table = pa.table({"image": image.cast(kind), "label": pa.array(range(rows))})
    schema = pa.schema([("image", kind), ("label", pa.int64())])
    with pq.ParquetWriter(path, schema, store_schema=False) as writer:
        for _ in range(10):
            writer.write_table(table)
    reader = RowGroupReader()
    reader.read(path, 0)
    with pytest.raises(DataError, match=r"bomb\.parquet: decodes to more than"):
        [reader.read(path, rows * group) for group in range(10)]


def test_what_was_decoded_before_counts(tmp_path: Path, small: None) -> None:
    path = tmp_path / "small.parquet"
    pq.write_table(pa.table({"image": [b"x" * 100], "label": [0]}), path)
    file = open_parquet(path)
    assert read_bounded(file, path, ["image"], group=0).num_rows == 1
    with pytest.raises(DataError, match=r"small\.parquet: decodes to more than"):
        read_bounded(file, path, ["image"], group=0, decoded=2**24)


def test_one_huge_value_is_refused_before_it_is_decoded(tmp_path: Path, small: None) -> None:
    path = tmp_path / "bomb.parquet"
    value = pa.array([bytes(2**24)], pa.binary())
    table = pa.table({"image": value, "label": pa.array([0])})
    pq.write_table(table, path, use_dictionary=False, compression="zstd")
    assert path.stat().st_size < 10_000
    before = pa.total_allocated_bytes()
    with pytest.raises(DataError, match=r"bomb\.parquet: decodes to more than"):
        read_bounded(open_parquet(path), path, ["image"], group=0)
    assert pa.total_allocated_bytes() - before < 2**20


def test_a_file_that_is_cut_off_after_its_rows_were_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lpt.files.file_watch._CHECK_SECONDS", 0.0)
    path = write_parquet(tmp_path / "x.parquet", [0] * 16)
    reader = RowGroupReader()
    reader.read(path, 0)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError, match="it was changed while it was in use"):
        reader.read(path, 0)


@pytest.mark.parametrize("change", ["cut off", "other time", "gone"])
def test_a_file_that_changes_while_it_is_in_use_is_named(change: str, tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "x.parquet", [0] * 16)
    reader = RowGroupReader(max_bytes=1)
    reader.read(path, 0)
    if change == "cut off":
        path.write_bytes(path.read_bytes()[:100])
    elif change == "gone":
        path.unlink()
    else:
        os.utime(path, ns=(0, 1))
    with pytest.raises(DataError, match=r"x\.parquet: (damaged: it was changed|cannot be read)"):
        reader.read(path, 15)


def test_a_missing_file_has_no_state(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        file_state(tmp_path / "none.parquet")
