"""The footer of a Parquet file is bounded before it is read."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tools.fuzz.lying_parquet import lying, sound
from tools.fuzz.thrift import field, split_footer, with_footer

from lpt.data.parquet.parquet_footer import read_footer
from lpt.data.parquet.parquet_limits import read_bounded
from lpt.data.parquet.parquet_reader import open_parquet
from lpt.data.parquet.thrift_fields import Kind
from lpt.errors import DataError


def test_a_file_of_many_row_groups_and_columns_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    table = pa.table({"image": [bytes(300)] * 1000, **{f"c{i}": [0] * 1000 for i in range(20)}})
    pq.write_table(table, path, row_group_size=2)
    assert read_footer(path).limits["thrift_container_size_limit"] > 500 * 21


@pytest.mark.parametrize("name", ["remarks", "row groups", "entries of the schema"])
def test_a_footer_that_stands_for_many_structs_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    path.write_bytes(lying(name))
    with pytest.raises(DataError, match=r"x\.parquet: its footer has up to [\d,]+ parts in"):
        read_footer(path)


@pytest.mark.parametrize("data", [b"", b"PAR1", b"PAR1PAR1", b"x" * 100, b"\xff" * 4 + b"PAR1"])
def test_a_file_without_a_footer_is_no_parquet_file(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"x\.parquet: not a readable Parquet file"):
        read_footer(path)


@pytest.mark.parametrize("type_", [-1, 0, 5, 8, 2**31 - 1])
def test_a_column_of_another_type_than_the_schema_is_refused(type_: int, tmp_path: Path) -> None:
    """pyarrow ends the process when it is asked for such a column."""
    footer, body = split_footer(sound())
    chunk = field(field(footer, 4)[2][1][0], 1)[2][1][0]
    field(chunk, 3, 1)[2] = type_
    path = tmp_path / "x.parquet"
    path.write_bytes(with_footer(body, footer))
    with pytest.raises(DataError, match=r"x\.parquet: not a readable Parquet file"):
        open_parquet(path)


@pytest.mark.parametrize(
    "change", ["no columns", "no facts", "twice", "encrypted", "rows", "codec", "name"]
)
def test_a_row_group_that_does_not_fit_the_schema_is_refused(change: str, tmp_path: Path) -> None:
    footer, body = split_footer(sound())
    group = field(footer, 4)[2][1][0]
    columns = field(group, 1)[2][1]
    if change == "no columns":
        columns.clear()
    elif change == "no facts":
        columns[0][:] = [part for part in columns[0] if part[0] != 3]
    elif change == "twice":
        columns[0].append(field(columns[0], 3))
    elif change == "encrypted":
        columns[0].append([8, Kind.STRUCT, []])
    elif change == "name":  # a page of another name would not be looked at
        field(columns[0], 3, 3)[2] = [Kind.BINARY, [b"other"]]
    elif change == "codec":
        field(columns[0], 3, 4)[2] = 99
    else:
        field(group, 3)[2] = -4
    path = tmp_path / "x.parquet"
    path.write_bytes(with_footer(body, footer))
    with pytest.raises(DataError, match=r"x\.parquet: not a readable Parquet file"):
        open_parquet(path)


def test_nulls_are_counted_as_pyarrow_counts_them(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    image = [{"bytes": None, "path": "a"}, {"bytes": b"x", "path": "b"}, None]
    pq.write_table(pa.table({"image": image}), path, row_group_size=2)
    assert list(read_footer(path).null_counts("image.bytes")) == [1, 1]
    pq.write_table(pa.table({"image": image}), path, write_statistics=False)
    assert list(read_footer(path).null_counts("image.bytes")) == [None]


def test_pyarrow_is_never_asked_for_a_column_that_may_be_damaged(tmp_path: Path) -> None:
    """It ends the process, here for a histogram of another length."""
    footer, body = split_footer(sound())
    facts = field(field(field(footer, 4)[2][1][0], 1)[2][1][0], 3)[2]
    facts[:] = [part for part in facts if part[0] != 16]
    facts.append([16, Kind.STRUCT, [[3, Kind.LIST, [Kind.I64, [1, 2, 3, 4, 5]]]]])
    path = tmp_path / "x.parquet"
    path.write_bytes(with_footer(body, footer))
    with pytest.raises(DataError, match=r"x\.parquet.*(damaged|not a readable)"):
        read_bounded(open_parquet(path), path, ["image"])


def test_a_group_of_fewer_rows_than_stated_is_refused(tmp_path: Path) -> None:
    footer, body = split_footer(sound())
    field(field(footer, 4)[2][1][0], 3)[2] = 9
    field(footer, 3)[2] = 9
    path = tmp_path / "x.parquet"
    path.write_bytes(with_footer(body, footer))
    with pytest.raises(DataError, match=r"x\.parquet: damaged"):
        read_bounded(open_parquet(path), path, ["image"])


def test_a_column_whose_name_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"image": [b"1"], "qwerty": [0]}), path)
    damaged = path.read_bytes().replace(b"qwerty", b"q\xb0erty")
    path.write_bytes(damaged)
    with pytest.raises(DataError, match=r"x\.parquet: not a readable Parquet file"):
        open_parquet(path)
