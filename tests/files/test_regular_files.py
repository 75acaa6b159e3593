"""Files that users name are regular ones of a bounded size; everything else is refused at once."""

import os
import sys
from pathlib import Path

import pytest

from lpt.errors import DataError, RunError
from lpt.files.regular_files import is_file, open_regular, read_regular, size_text


def test_a_regular_file_is_read_whole_also_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"owl")
    (tmp_path / "link").symlink_to("file")
    assert read_regular(tmp_path / "link", 3) == b"owl"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no named pipes in folders")
def test_a_named_pipe_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.jpg")
    with pytest.raises(DataError, match=r"x\.jpg: is a named pipe"):
        open_regular(tmp_path / "x.jpg")


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="needs /dev/zero")
def test_a_link_to_a_device_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.jpg").symlink_to("/dev/zero")
    with pytest.raises(DataError, match="is a device"):
        read_regular(tmp_path / "x.jpg", 10)


def test_a_folder_and_a_missing_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is a folder"):
        open_regular(tmp_path)
    with pytest.raises(RunError, match="no such file"):
        open_regular(tmp_path / "none", error=RunError)


def test_a_text_that_is_no_path_leads_to_no_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert is_file(tmp_path / "file")
    for path in ("a/" * 5000, "a\0b", str(tmp_path)):
        assert not is_file(path)


def test_a_larger_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as stream:
        stream.truncate(2**40)
    with pytest.raises(DataError, match=r"sparse: 1,100 GB, more than the 10 bytes"):
        read_regular(tmp_path / "sparse", 10)


@pytest.mark.parametrize("path", ["a\0b", "\udc80", "x" * 5000])
def test_a_path_that_no_file_can_have_is_one_clear_line(path: str) -> None:
    with pytest.raises(DataError) as caught:
        open_regular(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("count", "text"), [(0, "0 bytes"), (1000, "1 kB"), (999_999, "1 MB")])
def test_sizes_are_written_with_three_digits(count: int, text: str) -> None:
    assert size_text(count) == text
