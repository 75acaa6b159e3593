"""Which files a server opens, and when one of them has changed."""

import os
from pathlib import Path

import pytest

from lpt.errors import ConfigError, TaskFileError
from lpt.serving.store.task_files import TaskFiles, signature_of


def touch(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_a_folder_holds_task_files_and_run_folders(tmp_path):
    one, two = touch(tmp_path / "a.safetensors"), touch(tmp_path / "b" / "task.safetensors")
    touch(tmp_path / "notes.txt")
    touch(tmp_path / ".hidden.safetensors")
    touch(tmp_path / "ü.safetensors")
    touch(tmp_path / "c" / "config.yaml")
    os.mkfifo(tmp_path / "pipe.safetensors")
    assert TaskFiles(folder=tmp_path).scan() == {"a": one, "b": two}


def test_given_tasks_come_before_those_of_the_folder(tmp_path):
    touch(tmp_path / "tasks" / "a.safetensors")
    own = touch(tmp_path / "own.safetensors")
    assert TaskFiles([f"a={own}"], tmp_path / "tasks").scan() == {"a": own}


def test_two_tasks_of_one_name_and_missing_ones_are_refused(tmp_path):
    file = touch(tmp_path / "a.safetensors")
    with pytest.raises(ConfigError, match="taken"):
        TaskFiles([file, f"a={file}"])
    with pytest.raises(TaskFileError, match="no such file"):
        TaskFiles([tmp_path / "b"])
    with pytest.raises(ConfigError, match="no such folder"):
        TaskFiles(folder=tmp_path / "b")


def test_a_folder_that_is_gone_holds_nothing(tmp_path):
    folder = tmp_path / "tasks"
    touch(folder / "a.safetensors")
    files = TaskFiles(folder=folder)
    folder.rename(tmp_path / "elsewhere")
    assert files.scan() == {}


def test_a_signature_changes_with_the_file_and_settles_once_the_file_rests(tmp_path):
    file = touch(tmp_path / "a.safetensors", "one")
    first = signature_of(file)
    assert not first.settled  # it was written a moment ago
    os.utime(file, (1, 1))
    rested = signature_of(file)
    assert rested.settled
    assert signature_of(touch(tmp_path / "b.safetensors", "one")).facts != rested.facts
    touch(tmp_path / "c", "two").replace(file)
    assert signature_of(file).facts != rested.facts
    file.unlink()
    assert signature_of(file).facts is None
