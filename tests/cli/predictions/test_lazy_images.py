"""Images found one by one are those that are found all at once."""

import io
from pathlib import Path

from lpt.cli.predictions.given_images import given_images
from lpt.cli.predictions.lazy_images import count_images, lazy_images

from ...tiny import write_photos


def test_it_yields_what_the_other_commands_find(tmp_path):
    write_photos(tmp_path / "photos", {"bee": 3, "ant": 2})
    given = [tmp_path / "photos", Path("none.jpg"), tmp_path / "photos/ant/00.png", Path("-")]
    text = f"{tmp_path}/photos/bee/00.png\n".encode()
    usual = [one for some in given_images(given, io.BytesIO(text)) for one in some]
    lazy = list(lazy_images(given, io.BytesIO(text)))
    assert [one.path for one in lazy] == [one.path for one in usual]
    assert [bool(one.error) for one in lazy] == [bool(one.error) for one in usual]
    assert count_images(given) is None


def test_the_images_of_files_and_folders_are_counted(tmp_path, monkeypatch):
    write_photos(tmp_path / "photos", {"bee": 3, "ant": 2})
    (tmp_path / "photos" / "notes.txt").write_text("hello")
    (tmp_path / "photos" / "bee" / "a.heic").write_bytes(b"cannot be decoded here, has a row")
    (tmp_path / "empty").mkdir()
    given = [tmp_path / "photos", Path("none.jpg"), tmp_path / "photos/ant/00.png"]
    given.append(tmp_path / "empty")
    assert count_images(given) == len(list(lazy_images(given, io.BytesIO()))) == 9


def test_what_is_left_out_is_said_and_an_empty_folder_is_an_error(tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    said = []
    (only,) = lazy_images([tmp_path], io.BytesIO(), left_out=said.append)
    assert "holds no images" in str(only.error)
    assert said == ["left out  1 file that is not an image (notes.txt)"]
