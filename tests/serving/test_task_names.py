"""Names of tasks: what a request may ask for, and what a command line gives."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpt.errors import ConfigError
from lpt.serving.task_names import given_task, is_name, split_version, versioned


@given(st.text(max_size=80))
def test_no_name_leads_out_of_a_folder(text):
    if is_name(text):
        assert 1 <= len(text) <= 64
        assert text.isascii()
        assert Path("tasks", text).parent == Path("tasks")
        assert not text.startswith((".", "-"))
    parts = split_version(text)
    if parts is not None:
        assert is_name(parts[0])


def test_a_versioned_name_is_split_again():
    name = versioned("birds", "0123456789abcdef" * 4)
    assert split_version(name) == ("birds", "0123456789ab")


@pytest.mark.parametrize(
    "text", ["a@", "a@b", "a@0123456789AB", "a@0123456789ab@", "@0123456789ab"]
)
def test_other_versions_are_none(text):
    assert split_version(text) is None


@pytest.mark.parametrize(
    ("text", "name", "path"),
    [
        ("runs/birds", "birds", "runs/birds"),
        ("runs/birds.2", "birds.2", "runs/birds.2"),
        ("runs/birds/task.safetensors", "birds", "runs/birds/task.safetensors"),
        ("tasks/birds.safetensors", "birds", "tasks/birds.safetensors"),
        ("garden=runs/7=8", "garden", "runs/7=8"),
    ],
)
def test_a_task_is_named_after_its_folder_or_file(text, name, path):
    assert given_task(text) == (name, Path(path))


def test_a_path_with_an_equals_sign_that_exists_is_a_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("lr=1").mkdir()
    with pytest.raises(ConfigError, match="NAME=lr=1"):
        given_task("lr=1")
    assert given_task("one=lr=1") == ("one", Path("lr=1"))


def test_a_path_that_names_no_task_has_to_be_given_a_name():
    with pytest.raises(ConfigError, match="NAME="):
        given_task("runs/überall")
