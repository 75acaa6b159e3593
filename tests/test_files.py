"""A file is complete or absent, whatever happens while it is written."""

import errno
import os
import resource
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from lpt.errors import RunError
from lpt.files import remove_unfinished, write_atomic, write_bytes, write_json, write_text


@pytest.fixture
def full_disk():
    """No file may grow beyond a page: what a full disk is to a writer, without one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_text_bytes_and_json_are_written_and_folders_created(tmp_path):
    write_text(tmp_path / "a" / "b" / "t.txt", "größer\n")
    write_bytes(tmp_path / "x.bin", b"\0\1")
    write_json(tmp_path / "j.json", {"name": "größer"})
    assert (tmp_path / "a/b/t.txt").read_text("utf-8") == "größer\n"
    assert (tmp_path / "x.bin").read_bytes() == b"\0\1"
    assert (tmp_path / "j.json").read_text("utf-8") == '{\n  "name": "größer"\n}\n'


def test_files_are_readable_by_everyone(tmp_path):
    write_text(tmp_path / "text", "x")
    write_atomic(tmp_path / "tensors", lambda path: save_file({"a": torch.zeros(1)}, path))
    assert {(tmp_path / name).stat().st_mode & 0o777 for name in ("text", "tensors")} == {0o644}


def test_a_number_without_a_json_form_is_not_written(tmp_path):
    with pytest.raises(ValueError, match="Out of range float"):
        write_json(tmp_path / "j.json", float("nan"))
    assert files_in(tmp_path) == []


def test_a_writer_that_fails_keeps_the_old_file(tmp_path):
    path = tmp_path / "f"
    write_text(path, "old")

    def fail(temporary: Path) -> None:
        temporary.write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomic(path, fail)
    assert path.read_text() == "old"
    assert files_in(tmp_path) == ["f"]


def save_tensors(path: Path) -> None:
    write_atomic(path, lambda temporary: save_file({"a": torch.zeros(50_000)}, temporary))


def save_text(path: Path) -> None:
    write_text(path, "x" * 50_000)


@pytest.mark.parametrize("write", [save_tensors, save_text])
def test_a_full_disk_is_an_error_and_keeps_the_old_file(write, tmp_path, full_disk):
    path = tmp_path / "f"
    path.write_text("old")
    with pytest.raises(RunError, match=r"f: cannot be written \(.*File too large.*\)\. Free some"):
        write(path)
    assert path.read_text() == "old"
    assert files_in(tmp_path) == ["f"]


def test_a_disk_that_fills_up_during_sync_is_an_error(tmp_path, monkeypatch):
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunError, match="No space left on device"):
        write_text(tmp_path / "f", "x")
    assert files_in(tmp_path) == []


def test_a_parent_that_is_not_a_folder_is_an_error(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(RunError, match="cannot be written"):
        write_text(tmp_path / "file" / "inside", "x")


def test_unfinished_files_and_no_others_are_removed(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", lambda *_, **__: None)  # a killed process does not tidy up

        def die(temporary: Path) -> None:
            raise SystemExit

        with pytest.raises(SystemExit):
            write_atomic(tmp_path / "task.safetensors", die)
    (tmp_path / ".hidden").write_text("x")
    assert len(files_in(tmp_path)) == 2
    remove_unfinished(tmp_path)
    assert files_in(tmp_path) == [".hidden"]
