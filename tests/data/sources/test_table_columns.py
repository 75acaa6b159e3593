"""Columns as text, under names without case and outer blanks."""

from decimal import Decimal

import numpy as np
import pytest

from lpt.data.sources.table_columns import Column, Table, clean, missing_entries, without_zeros
from lpt.errors import DataError


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (" owl\t", "owl"),
        ("\xa0\u200b owl\ufeff ", "owl"),
        ("big  cat", "big  cat"),
        ("e\u0301", "\xe9"),
        ("\u200b", ""),
    ],
)
def test_outer_blanks_are_removed_and_accents_composed(written: str, read: str) -> None:
    assert clean(written) == read
    assert clean(read) == read


def test_only_whole_floats_lose_their_zeros() -> None:
    values = ["1.0", "-2.000", "1.5", "1.", "v1.0", "1e3", "01.0"]
    assert list(map(without_zeros, values)) == ["1", "-2", "1.5", "1.", "v1.0", "1e3", "01"]


def test_words_for_missing_values_count_among_numbers_only() -> None:
    assert missing_entries(["1.5", "NaN", "2", "<NA>", ""]) == [1, 3, 4]
    assert missing_entries(["None", "some"]) == []
    assert missing_entries(["NA", "NA"]) == []  # Namibia, in a list of countries


def test_values_of_libraries_become_text() -> None:
    values = [None, float("nan"), np.float32("nan"), 1.0, np.float32(0.1), 1e20, 7, True, "a "]
    column = Column.of_values("x", [*values, Decimal("1.50")], "file")
    text = ["", "", "", "1.0", "0.1", "100000000000000000000.0", "7", "True", "a ", "1.50"]
    assert column.values == text
    with pytest.raises(DataError, match="file: column 'x' holds dict values"):
        Column.of_values("x", [{}], "file")


def test_the_first_missing_values_are_named_and_the_others_counted() -> None:
    with pytest.raises(DataError, match=r"file entry 2: column 'Nest' has no value"):
        Column(" Nest ", ["a", " "]).complete("file")
    with pytest.raises(DataError, match=r"file entries 2, 3, 4 and 7 more: column 'Nest' has no"):
        Column(" Nest ", ["a", *[" "] * 10]).complete("file")


def test_columns_are_found_whatever_their_case_and_listed_as_written() -> None:
    table = Table.of_columns("file", [Column(" PatientID", ["1"]), Column("", ["2"])])
    assert table.find("other", "patientid") is table.need("PATIENTID ", "to group by")
    assert table.find("") is None
    with pytest.raises(DataError, match=r"no column 'x' to group by\. Choose from PatientID"):
        table.need("x", "to group by")
    with pytest.raises(DataError, match="two columns are called 'LABEL'"):
        Table.of_columns("file", [Column("label ", []), Column("LABEL", [])])


def test_unusual_blanks_are_noted_once() -> None:
    (note,) = Column("label", ["a ", "\xa0b", "\u200bc"]).odd_blanks()
    assert note == (
        "note      unusual blanks around 2 values of 'label' are ignored, such as '\\xa0b'"
    )
    assert Column("label", ["a ", "e\u0301"]).odd_blanks() == ()
