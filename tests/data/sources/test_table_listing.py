"""Normalised columns, and tables joined into one listing."""

from pathlib import Path

import pytest

from lpt.data.image_stores import FileStore
from lpt.data.sources.listing import SplitWords
from lpt.data.sources.table_columns import Column, Table
from lpt.data.sources.table_listing import entries_of, listing_of_entries
from lpt.errors import DataError


def table(**columns: list[str]) -> Table:
    return Table.of_columns("file", [Column(name, values) for name, values in columns.items()])


def test_names_of_labels_in_the_format_are_names_of_classes() -> None:
    entries = entries_of(table(label=["1", "0"]), label_names=["owl", "yak"])
    assert entries.names is not None
    assert entries.names.tolist() == ["yak", "owl"]
    assert entries_of(table(label=["b", "a"]), label_names=["owl", "yak"]).names is None
    for label in ("2", "9" * 5000):
        with pytest.raises(DataError, match="with only 2 class names"):
            entries_of(table(label=[label]), label_names=["owl", "yak"])


def test_names_that_look_like_numbers_are_names() -> None:
    entries = entries_of(table(class_name=["10", "9"]))
    found = listing_of_entries("x", [entries], FileStore.of_files(Path(), ["a", "b"]), SplitWords())
    assert (found.class_names, found.named) == (("9", "10"), True)


def notes_of(**columns: list[str]) -> str:
    store = FileStore.of_files(Path(), ["a", "b", "c"])
    return " ".join(
        listing_of_entries("x", [entries_of(table(**columns))], store, SplitWords()).notes
    )


def test_a_word_among_integers_is_noted_in_a_column_of_labels_only() -> None:
    assert "label 'owl' is no integer" in notes_of(label=["0", "1", "owl"])
    assert "no integer" not in notes_of(class_name=["0", "1", "owl"])
    assert "no integer" not in notes_of(label=["0", "1", "2"], label_name=["7", "8", "owl"])


def test_tables_with_and_without_names_are_not_joined() -> None:
    parts = [entries_of(table(label=["0"], label_name=["a"])), entries_of(table(label=["1"]))]
    with pytest.raises(DataError, match="x: only some files have label names"):
        listing_of_entries("x", parts, FileStore.of_files(Path(), ["a", "b"]), SplitWords())


def test_groups_are_complete_and_whole_floats_are_integers() -> None:
    entries = entries_of(table(label=["a", "b"], Nest=["1.0", " 2"]), group_by="nest")
    assert entries.groups is not None
    assert entries.groups.tolist() == ["1", "2"]
    with pytest.raises(DataError, match="column 'Nest' has no value"):
        entries_of(table(label=["a", "b"], Nest=["1", ""]), group_by="nest")
