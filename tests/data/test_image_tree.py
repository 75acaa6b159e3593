"""One walk over folders of images: what counts, what is left out, what is wrong."""

import os

import pytest

import lpt.data.images.formats as formats
from lpt.data.image_tree import ImageTree, LeftOut, Problem, problems_error
from lpt.errors import DataError

from .conftest import encoded


def names(tree, folder):
    return [os.path.relpath(path, tree.root) for path in tree.images(folder)]


@pytest.fixture
def undecodable(monkeypatch):
    """No decoder for HEIC and AVIF is installed."""
    monkeypatch.setattr(formats, "can_decode", lambda kind: kind not in formats.OPTIONAL)


def test_images_of_any_name_are_recognised_by_content(tmp_path):
    for name in ("photo", "a.jpg_large", "b.mpo", "c.pjpeg", "d.JPG ", "e.rw2", "f.heic", "g.JPG"):
        (tmp_path / name).write_bytes(encoded(1, kind="JPEG"))
    (tmp_path / "h.apng").write_bytes(encoded(1))
    tree = ImageTree(tmp_path)
    assert len(names(tree, tmp_path)) == 9
    assert not tree.left_out.counts
    assert not tree.problems


def test_what_is_left_out_is_counted_and_named(tmp_path):
    for name in ("._a.jpg", ".DS_Store", "Thumbs.db", "notes.txt", "labels", "a.jpg"):
        (tmp_path / name).write_bytes(b"x")
    for folder in (".ipynb_checkpoints", "@eaDir", "__MACOSX"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.jpg").write_bytes(encoded(1))
    tree = ImageTree(tmp_path)
    assert names(tree, tmp_path) == ["a.jpg"]
    assert tree.left_out.counts == {"hidden": 3, "system": 3, "not an image": 2}
    assert "2 files that are not images (labels, notes.txt)" in tree.left_out.describe()


def test_a_pipe_is_left_out_and_never_opened(tmp_path):
    os.mkfifo(tmp_path / "a.jpg")
    os.mkfifo(tmp_path / "b")
    tree = ImageTree(tmp_path)
    assert names(tree, tmp_path) == []
    assert tree.left_out.describe() == "2 pipes, devices or sockets (a.jpg, b)"


def test_links_to_folders_are_counted_and_links_to_files_followed(tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "1.png").write_bytes(encoded(1))
    (tmp_path / "near").mkdir()
    (tmp_path / "near" / "more").symlink_to(tmp_path / "far")
    (tmp_path / "near" / "loop").symlink_to(tmp_path)
    (tmp_path / "near" / "2.png").symlink_to(tmp_path / "far" / "1.png")
    (tmp_path / "near" / "lost.png").symlink_to(tmp_path / "gone.png")  # found missing when read
    tree = ImageTree(tmp_path)
    assert names(tree, tmp_path / "near") == ["near/2.png", "near/lost.png"]
    assert tree.left_out.counts == {"link": 2}
    (tmp_path / "class").symlink_to(tmp_path / "far")
    assert names(ImageTree(tmp_path), tmp_path / "class") == ["class/1.png"]


def test_images_come_before_those_of_subfolders_each_in_order(tmp_path):
    for name in ("b/2.png", "b/1.png", "a.png", "c.png", "B.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    assert names(ImageTree(tmp_path), tmp_path) == ["B.png", "a.png", "c.png", "b/1.png", "b/2.png"]


def test_a_folder_that_cannot_be_listed_is_a_problem(tmp_path, monkeypatch):
    (tmp_path / "shut").mkdir()
    scandir = os.scandir

    def refusing(path):
        if str(path).endswith("shut"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    tree = ImageTree(tmp_path)
    assert names(tree, tmp_path) == []
    assert [problem.kind for problem in tree.problems] == ["unreadable-folder"]
    assert "shut: cannot be listed (Permission denied)" in str(problems_error("x", tree.problems))


def test_images_that_cannot_be_decoded_are_problems_with_a_remedy(tmp_path, undecodable):
    (tmp_path / "a.HEIC").write_bytes(b"damaged")
    (tmp_path / "b").write_bytes(b"\0\0\0\x20ftypavif" + bytes(20))
    (tmp_path / "c.nef").write_bytes(b"II*\0" + bytes(40))  # raw data in the form of TIFF
    (tmp_path / "d.psd").write_bytes(b"8BPS")
    tree = ImageTree(tmp_path)
    assert names(tree, tmp_path) == []
    text = [f"{problem.fault} {problem.remedy}" for problem in tree.problems]
    assert [line.split()[0] for line in text] == ["HEIC", "AVIF", "NEF", "PSD"]
    assert ["lpt[heif]" in line for line in text] == [True, True, False, False]
    assert len(names(ImageTree(tmp_path, unsupported=True), tmp_path)) == 4


def test_many_problems_are_one_error_of_two_lines():
    many = [Problem("unsupported", f"a/{i}.heic", "HEIC is not read", "Convert.") for i in range(9)]
    many.append(Problem("empty-class", "b", "the class folder has no images", "Add images."))
    error = problems_error("photos", many)
    assert isinstance(error, DataError)
    first, second = str(error).split("\n")
    assert first.startswith("photos: 10 problems: HEIC is not read: a/0.heic, a/1.heic, a/2.heic")
    assert "and 6 more; the class folder has no images: b." in first
    assert second == "Convert. Add images. lpt data check lists all of them."


def test_names_that_a_terminal_obeys_are_escaped():
    left = LeftOut()
    left.add("hidden", ".a\x1b[31m\udcf6")
    assert left.describe() == r"1 hidden file or folder (.a\x1b[31m\xf6)"
