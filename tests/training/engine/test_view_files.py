"""Files of cached views from outside are used, made anew, or named in one line."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from lpt.errors import RunError
from lpt.progress import SilentReporter
from lpt.training.engine.view_files import StoredRows, ViewFiles, ViewLayout

LAYOUT = ViewLayout((2, 3), "float16")
FINGERPRINT = {"seed": 1}


@pytest.fixture
def files(tmp_path: Path) -> ViewFiles:
    """Four rows."""
    made = ViewFiles(tmp_path / "views", {"tokens": LAYOUT})
    assert made.open(FINGERPRINT, SilentReporter()) == 0
    with made.writable("tokens") as stream:
        stream.write(np.arange(24, dtype=np.float16).tobytes())
    made.write_mark(FINGERPRINT, 4)
    return made


def test_rows_are_read_in_any_order(files: ViewFiles) -> None:
    assert files.open(FINGERPRINT, SilentReporter()) == 4
    found = files.rows(4)["tokens"].read(np.array([3, 0, 3]))
    whole = np.arange(24, dtype=np.float16).reshape(4, 2, 3)
    assert found.dtype == np.float16
    assert (found == whole[[3, 0, 3]]).all()


def test_a_file_that_is_cut_off_while_it_is_open_is_named(files: ViewFiles) -> None:
    """Mapped into memory, it would end the process."""
    rows = files.rows(4)["tokens"]
    os.truncate(files.file("tokens"), 40)
    assert rows.read(np.array([2])).size == 6
    with pytest.raises(RunError, match=r"tokens\.bin: damaged: shorter than the views"):
        rows.read(np.array([3]))
    with pytest.raises(RunError, match="shorter than the views"):
        StoredRows(files.file("tokens"), LAYOUT, 4)


@pytest.mark.parametrize(
    "mark",
    [
        *({"fingerprint": FINGERPRINT, "rows": rows} for rows in (-1, "4", 4.0, None, 2**70, [4])),
        *({"fingerprint": value, "rows": 4} for value in (None, [], "x", {"seed": 2})),
        *([], 1, {}),
    ],
)
def test_a_mark_that_is_not_one_is_written_anew(files: ViewFiles, mark: object) -> None:
    files.mark.write_text(json.dumps(mark))
    assert files.open(FINGERPRINT, SilentReporter()) == 0
    assert json.loads(files.mark.read_text()) == {"fingerprint": FINGERPRINT, "rows": 0}


@pytest.mark.parametrize("place", ["mark", "tokens"])
def test_pipes_and_links_in_their_places_are_neither_read_nor_followed(
    files: ViewFiles, place: str, tmp_path: Path
) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(bytes(1000))
    path = files.mark if place == "mark" else files.file(place)
    for put in (lambda: os.mkfifo(path), lambda: path.symlink_to(victim)):
        path.unlink()
        put()
        assert files.open(FINGERPRINT, SilentReporter()) == 0
        with files.writable("tokens") as stream:
            stream.write(bytes(48))
        files.write_mark(FINGERPRINT, 4)
    assert victim.read_bytes() == bytes(1000)


def test_a_link_that_appears_later_is_not_followed(files: ViewFiles, tmp_path: Path) -> None:
    files.file("tokens").unlink()
    files.file("tokens").symlink_to(tmp_path / "victim")
    with pytest.raises(OSError, match="symbolic links"):
        files.writable("tokens")
    assert not (tmp_path / "victim").exists()


def test_a_folder_in_their_place_is_named(files: ViewFiles) -> None:
    files.file("tokens").unlink()
    files.file("tokens").mkdir()
    with pytest.raises(RunError, match=r"tokens\.bin: cannot be removed"):
        files.open(FINGERPRINT, SilentReporter())
