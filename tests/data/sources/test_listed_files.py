"""Files that lists name: their presence, their rows, and blanks in their names."""

from pathlib import Path

import pytest

from lpt.data.sources.listed_files import check_present, file_store
from lpt.data.sources.table_columns import Column, Table
from lpt.errors import DataError

from ..conftest import encoded, write_parquet


def table(paths: list[str], rows: list[str] | None = None) -> Table:
    columns = [Column("path", paths)] + ([] if rows is None else [Column("Row", rows)])
    return Table.of_columns("list.csv", columns)


def test_blanks_count_only_where_a_file_has_them(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encoded(0))
    (tmp_path / " b.png").write_bytes(encoded(1))
    store = file_store(table([" a.png", "a.png", " b.png"]), tmp_path)
    assert list(store.paths) == ["a.png", " b.png"]
    assert store.file.tolist() == [0, 0, 1]
    with pytest.raises(DataError, match=r"list: names 'b\.png', which is not in the folder"):
        check_present("list", tmp_path, ["b.png"])


def test_the_first_missing_files_are_named_and_the_others_counted(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encoded(0))
    named = r"list: names '0\.png', '1\.png', '2\.png' and 2 more, which are not in the folder"
    with pytest.raises(DataError, match=named):
        check_present("list", tmp_path, ["a.png", *(f"{i}.png" for i in range(5))])


def test_rows_may_be_whole_floats_and_must_exist(tmp_path: Path) -> None:
    write_parquet(tmp_path / "x.parquet", [0, 1])
    assert file_store(table(["x.parquet"] * 2, ["1.0", " 0"]), tmp_path).row.tolist() == [1, 0]
    for row in ("-1", "x", "9" * 30):
        with pytest.raises(DataError, match="entry 1: a row is not a number from 0 up"):
            file_store(table(["x.parquet"], [row]), tmp_path)
    with pytest.raises(DataError, match=r"entries 1, 3: a row is not a number .*\('x', '-2'\)"):
        file_store(table(["x.parquet"] * 3, ["x", "0", "-2"]), tmp_path)
    with pytest.raises(DataError, match=r"row 2 of x\.parquet, which has rows 0 to 1"):
        file_store(table(["x.parquet"], ["2"]), tmp_path)


@pytest.mark.parametrize("name", ["a\0.png", "x" * 5000, "a\0/b.png", "no/such.png"])
def test_names_that_no_file_can_have_are_missing(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="which is not in the folder"):
        file_store(table([name]), tmp_path)


@pytest.mark.parametrize("name", ["../a.png", " ../a.png", "x/../../a.png"])
def test_paths_stay_below_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="is outside the folder"):
        file_store(table([name]), tmp_path)
