"""The index of a tar file is made once, and again for another version of the file."""

import os
from pathlib import Path

import pytest

from lpt.data.shards import shard_index
from lpt.data.shards.shard_index import shard_samples
from lpt.errors import DataError

from ..conftest import write_shard, write_tar


@pytest.fixture(autouse=True)
def passes(tmp_path, monkeypatch):
    """Files whose headers were read."""
    monkeypatch.setenv("LPT_CACHE", str(tmp_path / "cache"))
    found: list[Path] = []
    read = shard_index.read_samples

    def counted(stream, path, group_by):
        found.append(path)
        return read(stream, path, group_by)

    monkeypatch.setattr(shard_index, "read_samples", counted)
    return found


def test_headers_are_read_once(tmp_path, passes):
    path = write_shard(tmp_path / "a.tar", [0, 1, "owl"], classes=b"a\nb")
    first = shard_samples(path)
    assert shard_samples(path) == first
    assert len(passes) == 1
    assert first.classes == "a\nb"
    write_shard(path, [1, 0])
    assert shard_samples(path).columns["label"] == ["1", "0"]
    os.utime(path, (1, 1))
    shard_samples(path)
    assert len(passes) == 3


def test_other_groups_need_another_pass_and_places_do_not(tmp_path, passes):
    path = write_shard(tmp_path / "a.tar", [0, 1])
    shard_samples(path, "nest")
    shard_samples(path)
    shard_samples(path, "nest")
    assert len(passes) == 1
    shard_samples(path, "animal")
    assert len(passes) == 2


@pytest.mark.parametrize("change", ["cut", "other", "uneven", "version 1", "no version"])
def test_an_index_that_is_damaged_or_of_another_version_is_made_again(change, tmp_path, passes):
    path = write_shard(tmp_path / "a.tar", [0, 1])
    wanted = shard_samples(path)
    (kept,) = (tmp_path / "cache" / "shards").iterdir()
    text = kept.read_text()
    written = {
        "cut": text[:50],
        "other": "[]",
        "uneven": text.replace('"sizes":[', '"sizes":[7,'),
        "version 1": text.replace('"version":2', '"version":1'),
        "no version": text.replace('"version":2,', ""),
    }[change]
    assert written != text
    kept.write_text(written)
    assert shard_samples(path) == wanted
    assert len(passes) == 2


def test_two_images_of_one_key_are_an_error_each_time(tmp_path):
    members = {"1.jpg": b"x", "1.cls": b"0", "2.jpg": b"y", "2.cls": b"1", "1.png": b"z"}
    path = write_tar(tmp_path / "dup.tar", members | {"1.json": b'{"label": 0}'})
    for _ in range(2):
        with pytest.raises(DataError, match=r"dup\.tar: 1: the images of rows 0 and 2 have this"):
            shard_samples(path)


def test_without_a_cache_each_call_reads_the_headers(tmp_path, passes, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("LPT_CACHE", str(tmp_path / "file" / "cache"))
    path = write_shard(tmp_path / "a.tar", [0, 1])
    assert shard_samples(path) == shard_samples(path)
    assert len(passes) == 2


def test_a_file_that_changes_while_it_is_indexed_is_named(tmp_path, monkeypatch):
    path = write_shard(tmp_path / "a.tar", [0, 1])
    monkeypatch.setattr(shard_index, "read_samples", lambda *_: write_shard(path, [0] * 3))
    with pytest.raises(DataError, match=r"a\.tar: damaged: it was changed"):
        shard_samples(path)
    assert not (tmp_path / "cache").exists()
