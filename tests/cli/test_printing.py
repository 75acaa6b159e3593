"""Whatever classes, files and folders are called, a terminal shows it and obeys none of it."""

import ast
import csv
import io
import json
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

import lpt.cli
from lpt.cli.printing import say, say_error, say_json

from ..tiny import write_photos
from .running import FLAGS, Lpt

HOSTILE = "yak\x1b]0;x\x07\x1b[31m\x9b2J\u202egpj\nlpt: done"
COUNTS = {"ant": 12, HOSTILE: 6, "=cmd": 4}


def obeyed(text: str) -> set[str]:
    """Characters that a terminal would obey, other than the line breaks of our own lines."""
    marks = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f")
    return {c for c in text if (unicodedata.category(c) == "Cc" and c != "\n") or c in marks}


def assert_harmless(text: str) -> None:
    assert not obeyed(text), text
    assert not any(line.startswith("lpt: done") for line in text.splitlines()), text


def test_only_one_module_of_the_commands_prints():
    (folder,) = lpt.cli.__path__
    for path in Path(folder).glob("*.py"):
        calls = (n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Call))
        printing = [
            n.lineno for n in calls if isinstance(n.func, ast.Name) and n.func.id == "print"
        ]
        assert path.name in ("printing.py", "main.py") or not printing, f"{path.name}: {printing}"


def test_the_door_escapes_text_and_keeps_its_line_breaks(capsys):
    say("one\x1b\ntwo\u202e")
    say_error("three\x07")
    say_json({"name": HOSTILE})
    out, err = capsys.readouterr()
    assert out.startswith("one\\x1b\ntwo\\u202e\n")
    assert err == "lpt: three\\x07\n"
    assert json.loads(out.split("\n", 2)[2]) == {"name": HOSTILE}
    assert_harmless(out)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a data set whose name, classes and files are hostile."""
    root = tmp_path_factory.mktemp("hostile")
    photos = write_photos(root / HOSTILE, COUNTS)
    (photos / HOSTILE / "00.png").rename(photos / HOSTILE / f"{HOSTILE}.png")
    Image.new("RGB", (18, 18)).save(root / f"{HOSTILE}.png")
    return root


def walk(lpt: Lpt, home: Path, root: Path) -> Iterator[tuple[tuple[str, ...], int]]:
    """Commands and the exit codes that are expected of them, in an order that works."""
    data, run, picture = str(root / HOSTILE), str(root / f"run{HOSTILE}"), f"{root / HOSTILE}.png"
    vit = ("--backbone", str(home / "vit.safetensors"))
    yield ("data", "inspect", data), 0
    yield ("data", "inspect", data, "--json"), 0
    yield ("data", "check", data, "--workers", "0"), 0
    yield ("data", "check", data, "--workers", "0", "--json", "-"), 0
    yield ("data", "split", data, str(root / f"{HOSTILE}.csv")), 0
    yield ("data", "longtail", data, str(root / "lt.csv"), "--imbalance", "3"), 0
    yield ("data", "bench", data, "--workers", "0", "--images", "1", "--image-size", "16"), 0
    yield ("train", data, *vit, "--out", run, *FLAGS), 0
    yield ("train", "--out", run, "--resume"), 0
    yield ("evaluate", run), 0
    yield ("evaluate", run, f"{HOSTILE[:3]}={data}", "--json"), 0
    yield ("predict", run, picture), 0
    yield ("predict", run, picture, "--json"), 0
    yield ("predict", run, picture, "--output", "csv"), 0
    yield ("analyze", run), 0
    yield ("report", run), 0
    yield ("info", run), 0
    yield ("info", run, "--json"), 0
    yield ("settings", "pool_size"), 0
    # Errors name what was given.
    yield ("train", data, *vit, "--out", run), 2
    yield ("train", data, "--set", f"{HOSTILE}=1"), 2
    yield ("train", data, "--recipe", HOSTILE), 2
    yield ("train", data, HOSTILE), 2
    yield ("train", f"{data}:{HOSTILE}=1"), 2
    yield (HOSTILE,), 2
    yield ("predict", run, f"{data}/{HOSTILE}/none.png"), 2
    yield ("predict", picture, picture), 2
    yield ("study", HOSTILE), 2
    yield ("study", "main", "--data", data, "--only", HOSTILE), 2
    yield ("bench", "--precision", HOSTILE), 2


@pytest.mark.slow
def test_no_command_prints_a_character_that_a_terminal_obeys(command: Lpt, home, hostile):
    for words, expected in walk(command, home, hostile):
        code, out, err = command(*words)
        assert code == expected, (words, out, err)
        assert_harmless(out + err)
        if "--json" in words:
            json.loads(out)
    written = sorted(hostile.rglob("*.csv"))
    assert {"test.csv", "classes.csv", "predictions.csv", "suspects.csv", "lt.csv"} <= {
        path.name for path in written
    }
    for path in written:
        assert_harmless_table(path.read_text(encoding="utf-8", errors="surrogateescape"))


READ_AGAIN = ({"file", "label_name"}, {"name", "split", "kind"})
"""Columns by which a list is known that lpt reads again."""
EXACT = {"file", "name", "label_name"}
"""Columns of such lists that hold names of files and classes as they are."""


def assert_harmless_table(text: str) -> None:
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    known = set(rows[0]) if rows else set()
    exact = EXACT if any(columns <= known for columns in READ_AGAIN) else set()
    for row in rows:
        assert_harmless("".join(cell for name, cell in row.items() if name not in exact))


def test_files_for_spreadsheets_hold_no_formula(command: Lpt, hostile, tmp_path):
    out = tmp_path / "split.csv"
    assert command("data", "split", str(hostile / HOSTILE), str(out))[0] == 0
    assert "\n./=cmd/" in out.read_text()
