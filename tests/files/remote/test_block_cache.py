"""Blocks on disk: only whole ones of the right version, and a bounded number of bytes."""

import os
from pathlib import Path

import pytest

from lpt.errors import ParameterError
from lpt.files.remote.block_cache import keep_block, kept_block, make_room, most_bytes


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LPT_CACHE", str(tmp_path))
    return tmp_path / "remote"


def test_a_block_is_found_by_address_version_and_number(folder: Path) -> None:
    keep_block("s3://b/x", (10, 1), 0, b"content")
    assert kept_block("s3://b/x", (10, 1), 0, 7) == b"content"
    assert kept_block("s3://b/y", (10, 1), 0, 7) is None
    assert kept_block("s3://b/x", (10, 2), 0, 7) is None
    assert kept_block("s3://b/x", (10, 1), 1, 7) is None


def test_a_block_that_was_cut_off_is_not_taken(folder: Path) -> None:
    keep_block("s3://b/x", (10, 1), 0, b"content")
    (path,) = folder.glob("*/*")
    path.write_bytes(b"cont")
    assert kept_block("s3://b/x", (10, 1), 0, 7) is None


def test_the_blocks_used_longest_ago_make_room(folder: Path) -> None:
    for number in range(10):
        keep_block("s3://b/x", (1000, 1), number, bytes(100))
    for number, path in enumerate(sorted(folder.glob("*/*"))):
        os.utime(path, (number, number))
    kept_block("s3://b/x", (1000, 1), 0, 100)  # used now
    make_room(1000)
    assert len(list(folder.glob("*/*"))) == 10
    make_room(500)
    kept = [n for n in range(10) if kept_block("s3://b/x", (1000, 1), n, 100) is not None]
    assert kept == [0, 7, 8, 9]


@pytest.mark.parametrize("text", ["", "many", "-1", "nan", "inf"])
def test_a_size_that_is_none_is_named(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LPT_REMOTE_CACHE_GB", text)
    with pytest.raises(ParameterError, match=f"LPT_REMOTE_CACHE_GB={text}: give gigabytes"):
        most_bytes()


def test_without_a_cache_nothing_is_written(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LPT_REMOTE_CACHE_GB", "0")
    keep_block("s3://b/x", (10, 1), 0, b"content")
    assert not folder.exists()


def test_a_cache_that_cannot_be_written_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LPT_CACHE", str(tmp_path / "file"))
    keep_block("s3://b/x", (10, 1), 0, b"content")
    assert kept_block("s3://b/x", (10, 1), 0, 7) is None
