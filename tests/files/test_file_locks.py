"""A lock is one process's, empties nothing, and follows no link."""

import os
from pathlib import Path

import pytest

from lpt.errors import RunError
from lpt.files.file_locks import FileLock


def test_one_at_a_time(tmp_path: Path) -> None:
    first = FileLock(tmp_path / "lock")
    with pytest.raises(BlockingIOError):
        FileLock(tmp_path / "lock")
    first.release()
    first.release()
    FileLock(tmp_path / "lock").release()


def test_a_file_in_its_place_is_not_emptied(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("mine")
    FileLock(tmp_path / "lock").release()
    assert (tmp_path / "lock").read_text() == "mine"


@pytest.mark.parametrize("there", [True, False])
def test_a_link_is_not_followed(there: bool, tmp_path: Path) -> None:
    victim = tmp_path / "victim.txt"
    if there:
        victim.write_text("mine")
    (tmp_path / "lock").symlink_to(victim)
    with pytest.raises(RunError, match="lock: is a link or not a file"):
        FileLock(tmp_path / "lock")
    assert victim.exists() == there
    assert not there or victim.read_text() == "mine"


def test_a_pipe_and_a_folder_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "folder"):
        with pytest.raises(RunError, match="is a link or not a file"):
            FileLock(tmp_path / name)


def test_a_lock_knows_whether_its_file_is_in_place(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    lock = FileLock(path)
    assert lock.is_in_place()
    path.unlink()
    assert not lock.is_in_place()
    path.touch()
    assert not lock.is_in_place()
    lock.release()
    assert not lock.is_in_place()
