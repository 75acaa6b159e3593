"""The footer of a Parquet file is bounded before it is read."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tools.fuzz.lying_parquet import lying

from lpt.data.parquet.parquet_footer import footer_limits
from lpt.errors import DataError


def test_a_file_of_many_row_groups_and_columns_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    table = pa.table({"image": [bytes(300)] * 1000, **{f"c{i}": [0] * 1000 for i in range(20)}})
    pq.write_table(table, path, row_group_size=2)
    assert footer_limits(path)["thrift_container_size_limit"] > 500 * 21


@pytest.mark.parametrize("name", ["remarks", "row groups", "entries of the schema"])
def test_a_footer_that_stands_for_many_structs_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    path.write_bytes(lying(name))
    with pytest.raises(DataError, match=r"x\.parquet: its footer has up to [\d,]+ parts in"):
        footer_limits(path)


@pytest.mark.parametrize("data", [b"", b"PAR1", b"PAR1PAR1", b"x" * 100, b"\xff" * 4 + b"PAR1"])
def test_a_file_without_a_footer_is_no_parquet_file(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"x\.parquet: not a readable Parquet file"):
        footer_limits(path)
