"""A path that does not exist is refused before a command does anything."""

from pathlib import Path

import pytest

from lpt.cli.early_checks import given_paths, given_run, given_runs
from lpt.errors import DataError, TaskFileError


def test_a_run_that_exists_is_returned(tmp_path):
    assert given_run(tmp_path) == tmp_path
    assert given_run(None) is None
    assert given_runs([tmp_path, tmp_path]) == [tmp_path, tmp_path]


def test_the_first_run_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(TaskFileError, match=r"one: no such file. Give a task file, or the folder"):
        given_runs([tmp_path, tmp_path / "one", tmp_path / "two"])


def test_images_are_refused_only_if_none_is_there(tmp_path):
    missing = tmp_path / "none.jpg"
    assert given_paths([missing, tmp_path]) == [missing, tmp_path]
    assert given_paths([missing, Path("-")]) == [missing, Path("-")]
    assert given_paths([Path("-")]) == [Path("-")]
    with pytest.raises(DataError, match=r"none.jpg: no such file or folder"):
        given_paths([missing, missing])
