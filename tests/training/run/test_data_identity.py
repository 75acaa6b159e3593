"""The fingerprint of the training data follows its files and labels, not its place."""

import os
import shutil
from pathlib import Path

import pytest

from lpt.data.sources.open_data import open_data
from lpt.training.run.data_identity import IMAGE_TIMES, data_identity, files_identity


def test_data_that_moved_is_the_same_data(photos: Path, tmp_path: Path) -> None:
    shutil.copytree(photos, tmp_path / "elsewhere")
    assert data_identity(open_data(photos)) == data_identity(open_data(tmp_path / "elsewhere"))


@pytest.mark.parametrize("change", ["rename", "remove", "relabel"])
def test_other_files_or_labels_are_other_data(change: str, photos: Path, tmp_path: Path) -> None:
    copy = tmp_path / "photos"
    shutil.copytree(photos, copy)
    for image in sorted((copy / "ant").iterdir()):
        if change == "remove":
            image.unlink()
            if len(list((copy / "ant").iterdir())) < 20:
                break
        else:
            folder = "bee" if change == "relabel" else "ant"
            image.rename(copy / folder / f"other-{image.name}")
            if change == "relabel" and len(list((copy / "ant").iterdir())) < 20:
                break
    assert data_identity(open_data(copy)) != data_identity(open_data(photos))


def test_content_is_compared_on_request(photos: Path, tmp_path: Path) -> None:
    copy = tmp_path / "photos"
    shutil.copytree(photos, copy)
    before = data_identity(open_data(copy), content=True)
    assert before == data_identity(open_data(photos), content=True)
    image = min((copy / "ant").iterdir())
    times = (image.stat().st_atime_ns, image.stat().st_mtime_ns)
    image.write_bytes(image.read_bytes()[:-1] + b"?")
    os.utime(image, ns=times)
    assert files_identity(open_data(copy)) == files_identity(open_data(photos))
    after = data_identity(open_data(copy), content=True)
    assert [name for name in before if before[name] != after[name]] == ["image content"]


def test_an_image_that_is_replaced_is_noticed_by_its_size_or_time(
    photos: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "photos"
    shutil.copytree(photos, copy)  # with the times of the originals
    before = files_identity(open_data(copy))
    assert before == files_identity(open_data(photos))
    image = min((copy / "ant").iterdir())
    os.utime(image, ns=(0, 1))
    after = files_identity(open_data(copy))
    assert [name for name in before if before[name] != after[name]] == [IMAGE_TIMES]
    image.write_bytes(image.read_bytes() + b"x")
    assert files_identity(open_data(copy)) != after
    image.unlink()
    assert files_identity(open_data(photos)) == before
