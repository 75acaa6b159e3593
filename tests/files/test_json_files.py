"""JSON from outside fits its schema, or is refused in one line that names file and field."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from lpt.errors import LptError, RunError
from lpt.files.json_files import Count, Number, Record, read_json


class Thing(Record):
    count: Count
    values: dict[str, Number | None]


SCHEMA = TypeAdapter(Thing)


def read(path: Path) -> Thing:
    return read_json(path, SCHEMA, remedy="Restore it.", max_bytes=1000)


def test_valid_json_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('{"count": 3, "values": {"a": 1, "b": null}}')
    assert read(path).values == {"a": 1.0, "b": None}


class Names(Record):
    names: list[str]


NAMES = TypeAdapter(Names)


@pytest.mark.parametrize("ascii_only", [True, False])
def test_names_that_are_not_utf_8_are_read_as_they_are_shown(ascii_only, tmp_path):
    names = ["k\udcf6nig", "Ωμέγα", r"a\udcf6 \\", "\U0001f4f6", "\U0001f4f6\udcff", 'q"\n']
    path = tmp_path / "x.json"
    text = json.dumps({"names": names}, ensure_ascii=ascii_only)
    path.write_bytes(text.encode("utf-8", "backslashreplace"))  # as write_json does
    assert read_json(path, NAMES, remedy="").names == [
        *(r"k\xf6nig", "Ωμέγα", r"a\udcf6 \\", "\U0001f4f6", "\U0001f4f6\\xff", 'q"\n')
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Invalid JSON"),
        ("{}", "count: Field required"),
        ("[" * 900, "JSON"),
        ('{"count": "3", "values": {}}', "count: Input should be a valid integer"),
        ('{"count": -1, "values": {}}', "count"),
        ('{"count": 1, "values": {"a": NaN}}', "values.a: Input should be a finite number"),
        ('{"count": 1, "values": {"a": 1e999}}', r"values.a"),
        ('{"count": 1, "values": {}, "more": 1}', "more: Extra inputs"),
        ("x" * 1001, "more than the 1 kB"),
    ],
)
def test_the_field_that_does_not_fit_is_named(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(RunError, match=rf"x\.json: .*{said}") as caught:
        read(path)
    assert len(str(caught.value).splitlines()) == 1


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    for name, said in (("pipe.json", "a named pipe"), ("none.json", "no such file. Restore it")):
        with pytest.raises(RunError, match=said):
            read(tmp_path / name)


@given(data=st.binary(max_size=200) | st.text(max_size=200).map(lambda t: t.encode("utf-16")))
def test_any_bytes_are_refused_in_one_line(data: bytes, tmp_path_factory) -> None:
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_bytes(data)
    with pytest.raises(LptError) as caught:
        read(path)
    assert len(str(caught.value).splitlines()) == 1
