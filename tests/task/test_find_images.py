"""Image files are found where people point."""

from pathlib import Path

import pytest

from lpt.errors import DataError
from lpt.task import find_images

from ..tiny import write_photos


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return write_photos(tmp_path / "photos")


def test_files_and_folders_are_found_in_order(photos):
    found = find_images([photos / "dog", photos / "ant" / "03.png"])
    assert found == [*sorted((photos / "dog").iterdir()), photos / "ant" / "03.png"]
    assert len(find_images([photos])) == 51


def test_a_folder_without_images_and_a_missing_path_are_named(tmp_path):
    with pytest.raises(DataError, match=r"holds no images \(.*\.jpg"):
        find_images([tmp_path])
    with pytest.raises(DataError, match="gone: no such file or folder"):
        find_images([tmp_path / "gone"])
