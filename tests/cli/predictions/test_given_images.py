"""Images that a command names: as arguments and on standard input, missing ones too."""

import io
import os
from pathlib import Path

import pytest

from lpt.cli.predictions.given_images import given_images
from lpt.errors import DataError

from ...tiny import write_photos


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_photos(tmp_path_factory.mktemp("p") / "photos", {"ant": 2, "bee": 1})


def paths_of(groups) -> list[list[str]]:
    return [[image.path.name for image in group] for group in groups]


def read(text: bytes, *, null: bool = False) -> list[str]:
    groups = given_images([Path("-")], io.BytesIO(text), null=null)
    return [str(image.path) for group in groups for image in group]


def test_folders_are_opened_and_files_stay_in_order(photos):
    given = [photos / "bee", photos / "ant" / "01.png", photos / "ant"]
    groups = paths_of(given_images(given, io.BytesIO()))
    assert groups == [["00.png", "01.png", "00.png", "01.png"]]


@pytest.mark.parametrize("name", ["none.png", "a" * 5000, "a\0b"])
def test_a_missing_path_is_an_error_in_its_place(photos, name):
    (group,) = given_images([photos / "bee", Path(name), photos / "ant"], io.BytesIO())
    assert [image.error is None for image in group] == [True, False, True, True]
    assert isinstance(group[1].error, DataError)


def test_a_folder_without_images_is_an_error_in_its_place(photos, tmp_path):
    (tmp_path / "empty").mkdir()
    (group,) = given_images([tmp_path / "empty", photos / "bee"], io.BytesIO())
    assert [image.error is None for image in group] == [False, True]


def test_standard_input_has_one_path_per_line(photos):
    lines = f"{photos / 'bee'}\r\n\n{photos / 'ant' / '00.png'}".encode()
    wanted = [str(photos / "bee" / "00.png"), str(photos / "ant" / "00.png")]
    assert read(lines) == wanted
    assert read(b"\xef\xbb\xbf" + lines) == wanted
    assert read(b"") == []


def test_paths_that_end_in_nul_may_hold_newlines_and_any_byte(tmp_path):
    names = [b"a\nb.png", b"\xff.png"]
    for name in names:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_bytes(b"x")
    text = b"\0".join(os.fsencode(tmp_path) + b"/" + name for name in names) + b"\0"
    assert [os.fsencode(path) for path in read(text, null=True)] == text.split(b"\0")[:2]


def test_paths_are_taken_as_they_arrive(photos):
    class Slow(io.BytesIO):
        def read1(self, size: int | None = -1) -> bytes:
            return super().read1(40)

    lines = f"{photos / 'bee'}\n".encode() * 3
    groups = paths_of(given_images([Path("-")], Slow(lines)))
    assert [name for group in groups for name in group] == ["00.png"] * 3
    assert len(groups) > 1


def test_arguments_before_and_after_standard_input_keep_their_place(photos):
    given = [photos / "ant", Path("-"), photos / "bee"]
    lines = f"{photos / 'bee'}\n".encode()
    groups = [group for group in paths_of(given_images(given, io.BytesIO(lines))) if group]
    assert groups == [["00.png", "01.png"], ["00.png"], ["00.png"]]


def test_a_line_without_end_is_refused():
    with pytest.raises(DataError, match=r"standard input: a path of more than 1 MB"):
        read(b"a" * (2**20 + 2**17))


def test_an_image_on_standard_input_is_one_image(photos):
    content = (photos / "bee" / "00.png").read_bytes()
    groups = given_images([photos / "ant", Path("-"), photos / "bee"], io.BytesIO(content))
    images = [image for group in groups for image in group]
    assert [image.content for image in images] == [None, None, content, None]
    assert images[2].path == Path("stdin")


def test_bytes_that_are_neither_an_image_nor_paths_are_one_error():
    with pytest.raises(DataError, match=r"standard input: neither an image nor a list of paths"):
        read(b"\x00\x01\x02\n" * 100)


def test_what_a_folder_leaves_out_is_told(photos, tmp_path):
    folder = write_photos(tmp_path / "photos", {"ant": 1})
    (folder / "ant" / "notes.xyz").write_text("no image")
    told: list[str] = []
    groups = given_images([folder], io.BytesIO(), notice=told.append)
    assert sum(map(len, groups)) == 1
    assert len(told) == 1
    assert told[0].startswith(f"{folder}: left out 1 ")
    assert "notes.xyz" in told[0]
