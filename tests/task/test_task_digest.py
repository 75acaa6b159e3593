"""The identity of a task is that of its file."""

import hashlib

import pytest

from lpt.errors import TaskFileError
from lpt.task.task_digest import task_digest


def test_a_run_folder_has_the_digest_of_its_task_file(tmp_path):
    file = tmp_path / "task.safetensors"
    file.write_bytes(b"abc" * 10**6)
    wanted = hashlib.sha256(file.read_bytes()).hexdigest()
    assert task_digest(file) == task_digest(tmp_path) == task_digest(str(tmp_path)) == wanted


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(TaskFileError, match=r"task\.safetensors: no such file"):
        task_digest(tmp_path)
