"""A file that is in use is looked at from time to time."""

import os

import pytest

from lpt.errors import DataError
from lpt.files import file_watch
from lpt.files.file_watch import FileWatch, check_unchanged, file_state


def test_a_file_that_is_replaced_is_noticed_at_the_next_look(tmp_path, monkeypatch):
    path = tmp_path / "a.tar"
    path.write_bytes(b"one")
    watch = FileWatch()
    state = watch.state(path)
    watch.look(path)
    path.write_bytes(b"longer")
    watch.look(path)  # a moment ago it was as before
    monkeypatch.setattr(file_watch, "_CHECK_SECONDS", 0.0)
    with pytest.raises(DataError, match=r"a\.tar: damaged: it was changed while it was in use"):
        watch.look(path)
    assert watch.state(path) == state


def test_a_file_of_the_same_size_and_another_time_was_changed(tmp_path):
    path = tmp_path / "a.tar"
    path.write_bytes(b"one")
    state = file_state(path)
    assert check_unchanged(path, state) == state
    os.utime(path, (1, 1))
    with pytest.raises(DataError, match="changed while"):
        check_unchanged(path, state)
    path.unlink()
    with pytest.raises(DataError, match="Restore the file"):
        file_state(path)
