"""The same table reads alike as CSV, TSV, text and Parquet, or is refused with the same words."""

import csv
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lpt.data.sources.csv_lists import read_list
from lpt.data.sources.listing import Listing
from lpt.data.sources.parquet_dataset import read_parquet
from lpt.errors import DataError

ROWS = 5
Columns = dict[str, list[str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("rules")
    for row in range(ROWS):
        (root / f"{row}.png").write_bytes(b"never decoded")
    return root


def write_text(path: Path, columns: Columns, separator: str) -> None:
    with path.open("w", newline="", encoding="utf-8-sig") as stream:
        writer = csv.writer(stream, delimiter=separator)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


def write_lines(path: Path, columns: Columns) -> None:
    rows = zip(*columns.values(), strict=True)
    path.write_text("".join(f"{file}\t{label}\r\n" for file, label in rows), encoding="utf-8")


def write_parquet(path: Path, columns: Columns) -> None:
    pq.write_table(pa.table({name: pa.array(v, pa.string()) for name, v in columns.items()}), path)


def write_numbers(path: Path, columns: Columns) -> None:
    """Whole numbers as integers, other numbers as floats, and other columns as text."""
    arrays = {}
    for name, values in columns.items():
        for convert in (int, float, str):
            try:
                items = [convert(v) if v or convert is str else None for v in values]
                if convert is int and [str(i) for i in items if i is not None] != [
                    v for v in values if v
                ]:
                    continue
                arrays[name] = pa.array(items)
                break
            except (ValueError, OverflowError, pa.ArrowInvalid):
                continue
    pq.write_table(pa.table(arrays), path)


def outcome(read: Callable[[], Listing], path: Path) -> object:
    """What a reader makes of a file, or its refusal; the name of the file does not count."""
    try:
        found = read()
    except DataError as error:
        return str(error).replace(str(path), "FILE").replace(" (string)", "")
    return (
        [(name, found.class_names[label]) for name, label in zip(
            (found.store.ref(i).path.name for i in range(len(found.labels))),
            found.labels, strict=True)],
        found.class_names,
        found.named,
        found.splits.tolist(),
        None if found.groups is None else found.groups.tolist(),
        found.notes,
    )  # fmt: skip


LABELS = st.one_of(
    st.sampled_from(["0", "1", "01", "1.0", "10", "-1", "-1.0", "nan", "None", "", " ", "owl"]),
    st.sampled_from(["4006381333931", "1.5", "1e3", "owl ", "\xa0owl", "o\u200bwl", "0.0", "inf"]),
    st.integers(-1, 10**20).map(str),
    st.text("ab \xe9e\u0301\u200b-.09", max_size=4),
)


@st.composite
def tables(draw: st.DrawFn) -> Columns:
    def column(values: st.SearchStrategy[str]) -> list[str]:
        few = draw(st.lists(values, min_size=1, max_size=3))
        return draw(st.lists(st.sampled_from(few), min_size=ROWS, max_size=ROWS))

    case = draw(st.sampled_from([str, str.upper, str.title, lambda name: f" {name} "]))
    columns = {case("path"): [f"{row}.png" for row in range(ROWS)], case("label"): column(LABELS)}
    if draw(st.booleans()):
        columns[case("label_name")] = column(st.sampled_from(["owl", "yak ", "\xa0fox", "1", ""]))
    if draw(st.booleans()):
        columns[case("split")] = column(
            st.sampled_from(["train", "Test ", "VAL", "holdout", "all", "", "0"])
        )
    if draw(st.booleans()):
        columns[case("nest")] = column(st.sampled_from(["a", "a ", "1", "1.0", "", "\xa0b", "nan"]))
    return columns


@given(tables())
@settings(max_examples=150, deadline=None)
def test_the_same_table_reads_alike_in_every_format(folder: Path, columns: Columns) -> None:
    nest = "Nest" if any(name.strip().lower() == "nest" for name in columns) else None
    files = {name: folder / name for name in ("a.csv", "a.TSV", "a.parquet", "b.Parquet", "a.txt")}
    write_text(files["a.csv"], columns, ",")
    write_text(files["a.TSV"], columns, "\t")
    write_parquet(files["a.parquet"], columns)
    outcomes = {
        name: outcome(lambda path=files[name]: read_list(path, group_by=nest), files[name])
        for name in ("a.csv", "a.TSV")
    }
    parquet = files["a.parquet"]
    outcomes["a.parquet"] = outcome(
        lambda: read_parquet([parquet], root=folder, group_by=nest), parquet
    )
    label = next(v for name, v in columns.items() if name.strip().lower() == "label")
    if len(columns) == 2 and all(value.strip() for value in label):
        write_lines(files["a.txt"], columns)
        outcomes["a.txt"] = outcome(lambda: read_list(files["a.txt"]), files["a.txt"])
    assert len(set(map(repr, outcomes.values()))) == 1, outcomes


@given(st.lists(st.sampled_from(["0", "1", "10", "2.0", "-1", "", "0.5"]), min_size=ROWS,
                max_size=ROWS))  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_numbers_of_a_parquet_file_read_as_their_text_does(folder: Path, labels: list[str]) -> None:
    columns = {"path": [f"{row}.png" for row in range(ROWS)], "label": labels}
    text, numbers = folder / "n.csv", folder / "n.parquet"
    write_text(text, columns, ",")
    write_numbers(numbers, columns)
    one = outcome(lambda: read_list(text), text)
    other = outcome(lambda: read_parquet([numbers], root=folder), numbers)
    if "0.5" in labels or "2.0" in labels:  # as floats, 1 is 1.0
        assert isinstance(one, str) == isinstance(other, str)
    else:
        assert one == other
