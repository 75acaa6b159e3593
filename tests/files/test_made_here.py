"""Names are known to be of this machine by marks that nobody without its key can write."""

import json
import os
import stat
from pathlib import Path

import pytest

from lpt.files.made_here import ORIGIN, is_marked, key_file, mark


@pytest.fixture(autouse=True)
def _own_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LPT_KEY", str(tmp_path / "home" / "key"))


def test_a_name_is_known_for_its_use_and_no_other(tmp_path: Path) -> None:
    mark(tmp_path, {"data": "/photos"})
    mark(tmp_path, {"data": "/moved", "backbone": "vit"})
    assert is_marked(tmp_path, "data", "/photos")
    assert is_marked(tmp_path, "data", "/moved")
    assert is_marked(tmp_path, "backbone", "vit")
    assert not is_marked(tmp_path, "backbone", "/photos")
    assert not is_marked(tmp_path, "data", "/photos/")


def test_marks_of_another_key_count_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark(tmp_path, {"data": "/photos"})
    monkeypatch.setenv("LPT_KEY", str(tmp_path / "elsewhere" / "key"))
    assert not is_marked(tmp_path, "data", "/photos")
    assert not key_file().exists()  # asking makes no key
    mark(tmp_path, {"data": "/other"})
    assert not is_marked(tmp_path, "data", "/photos")


def test_only_its_owner_can_read_the_key(tmp_path: Path) -> None:
    mark(tmp_path, {"data": "/photos"})
    assert stat.S_IMODE(key_file().stat().st_mode) == 0o600
    assert len(key_file().read_bytes()) == 32
    assert [p.name for p in key_file().parent.iterdir()] == ["key"]


def test_a_key_that_exists_is_never_replaced(tmp_path: Path) -> None:
    key_file().parent.mkdir()
    for content in (b"", b"short"):
        key_file().write_bytes(content)
        mark(tmp_path, {"data": "/photos"})
        assert key_file().read_bytes() == content
        assert not is_marked(tmp_path, "data", "/photos")


@pytest.mark.parametrize(
    "content", ["", "[]", '{"marks": 3}', '{"marks": ["é"]}', "[" * 5000, '{"marks": [""]}']
)
def test_a_damaged_file_of_marks_marks_nothing(content: str, tmp_path: Path) -> None:
    mark(tmp_path, {"data": "/photos"})
    (tmp_path / ORIGIN).write_text(content)
    assert not is_marked(tmp_path, "data", "/photos")
    mark(tmp_path, {"data": "/photos"})
    assert is_marked(tmp_path, "data", "/photos")


def test_marks_are_bounded_and_the_newest_stay(tmp_path: Path) -> None:
    for number in range(70):
        mark(tmp_path, {"data": f"/{number}"})
    assert len(json.loads((tmp_path / ORIGIN).read_text())["marks"]) == 64
    assert is_marked(tmp_path, "data", "/69")
    assert not is_marked(tmp_path, "data", "/0")


def test_a_pipe_as_a_key_is_not_waited_for(tmp_path: Path) -> None:
    key_file().parent.mkdir()
    os.mkfifo(key_file())
    mark(tmp_path, {"data": "/photos"})
    assert not is_marked(tmp_path, "data", "/photos")
