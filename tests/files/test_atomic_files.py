"""A file is complete or absent, whatever happens while it is written."""

import errno
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from lpt.errors import ConfigError, DataError, RunError
from lpt.files.atomic_files import (
    append_line,
    check_free,
    check_writable,
    remove_unfinished,
    write_atomic,
    write_bytes,
    write_json,
    write_text,
)


@contextmanager
def full_disk() -> Iterator[None]:
    """No file may grow beyond a page: what a full disk is to a writer, without one.

    The output of pytest is such a file, so nothing may be reported meanwhile.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        yield
    finally:
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


def test_what_exists_is_refused_with_the_error_and_the_name_of_the_caller(tmp_path):
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "nowhere")
    check_free(None, tmp_path / "new.csv")
    for taken in (tmp_path, link):
        with pytest.raises(ConfigError, match=r": exists already\. Choose another name, or remove"):
            check_free(None, taken)
    with pytest.raises(DataError, match=r"^out .*link: exists already, with 3 rows\."):
        check_free(link, error=DataError, named="out ", held=", with 3 rows")


def test_files_are_readable_by_everyone(tmp_path):
    write_text(tmp_path / "text", "x")
    write_atomic(tmp_path / "tensors", lambda path: save_file({"a": torch.zeros(1)}, path))
    assert {(tmp_path / name).stat().st_mode & 0o777 for name in ("text", "tensors")} == {0o644}


@pytest.mark.parametrize(("mask", "mode"), [(0o077, 0o600), (0o027, 0o640), (0o000, 0o644)])
def test_the_umask_is_respected(mask, mode, tmp_path):
    before = os.umask(mask)
    try:
        write_text(tmp_path / "text", "x")
        write_atomic(tmp_path / "tensors", lambda path: save_file({"a": torch.zeros(1)}, path))
        append_line(tmp_path / "log", "x")
    finally:
        os.umask(before)
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {mode}


def test_a_long_name_can_be_written(tmp_path):
    write_text(tmp_path / ("x" * 250), "x")
    assert len(files_in(tmp_path)) == 1


def test_lines_are_appended_and_a_link_is_not_followed(tmp_path):
    for line in ("one", "two"):
        append_line(tmp_path / "log", line)
    assert (tmp_path / "log").read_text() == "one\ntwo\n"
    (tmp_path / "victim").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "victim")
    with pytest.raises(RunError, match=r"link: cannot be written .* if it is a link"):
        append_line(tmp_path / "link", "x")
    assert (tmp_path / "victim").read_text() == "mine"


def test_what_keeps_a_folder_from_being_written_is_named(tmp_path):
    check_writable(tmp_path)
    check_writable(tmp_path / "new" / "run")
    (tmp_path / "file").write_text("x")
    for path, said in (
        (tmp_path / "file", "it is a file"),
        (tmp_path / "file" / "run", "file is a file"),
        (tmp_path / ("x" * 300), "File name too long"),
        (tmp_path / "a\0b", "null byte|null character"),
        (Path("/proc/lpt/run"), "/proc does not permit it"),
    ):
        if path.parts[1] == "proc" and os.access("/proc", os.W_OK):
            continue  # for root
        with pytest.raises(RunError, match=rf"cannot be written \(.*({said})"):
            check_writable(path)


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
def test_a_full_disk_is_an_error_and_keeps_the_old_file(write, tmp_path):
    path = tmp_path / "f"
    path.write_text("old")
    said = r"f: cannot be written \(.*File too large.*\)\. Free some"
    with pytest.raises(RunError, match=said), full_disk():
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
