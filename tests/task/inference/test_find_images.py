"""Image files are found where people point."""

import os
from pathlib import Path

import pytest

from lpt.data.sources.open_data import open_data
from lpt.errors import DataError
from lpt.task import find_images

from ...tiny import write_photos


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return write_photos(tmp_path / "photos")


def test_files_and_folders_are_found_in_order(photos):
    found = find_images([photos / "dog", photos / "ant" / "03.png"])
    assert found == [*sorted((photos / "dog").iterdir()), photos / "ant" / "03.png"]
    assert len(find_images([photos])) == 51


def test_a_folder_without_images_and_a_missing_path_are_named(tmp_path):
    with pytest.raises(DataError, match=r"holds no images \(JPEG"):
        find_images([tmp_path])
    with pytest.raises(DataError, match="gone: no such file or folder"):
        find_images([tmp_path / "gone"])


def test_a_folder_gives_the_images_that_training_sees(photos):
    (photos / "ant" / "@eaDir" / "00.png").mkdir(parents=True)
    (photos / "ant" / "@eaDir" / "00.png" / "thumb.jpg").write_bytes(b"x")
    (photos / "ant" / ".ipynb_checkpoints").mkdir()
    (photos / "ant" / ".ipynb_checkpoints" / "00.png").write_bytes(b"x")
    (photos / "ant" / "._00.png").write_bytes(b"x")
    (photos / "ant" / "00.png").rename(photos / "ant" / "no suffix")
    split = open_data(photos, test_fraction=0, val_fraction=0).split("train")
    assert [str(p) for p in find_images([photos])] == [split.name_of(i) for i in range(len(split))]


def test_a_given_file_counts_whatever_its_name(photos):
    hidden = photos / "ant" / ".hidden"
    hidden.write_bytes(b"x")
    assert find_images([hidden]) == [hidden]


def test_a_folder_of_hidden_files_says_what_was_left_out(tmp_path):
    (tmp_path / "._1.jpg").write_bytes(b"x")
    with pytest.raises(DataError, match=r"left out 1 hidden file or folder \(\._1\.jpg\)"):
        find_images([tmp_path])


def test_a_folder_that_cannot_be_listed_is_an_error(photos, monkeypatch):
    scandir = os.scandir

    def refusing(path):
        if str(path).endswith("bee"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.raises(DataError, match="bee: cannot be listed"):
        find_images([photos])
