"""Images are sorted below one folder, and nothing there or elsewhere is replaced."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpt.cli.predictions.sorted_folders import NOT_SURE, SortedFolders, folder_names
from lpt.errors import RunError

HOSTILE = ["../../x", "/etc", "..", ".", "", "a/b", "C:\\x", "nul", "CON.txt", "a\0b", "\x1b[31m"]
HOSTILE += ["-rf", "x" * 5000, " ", "a.", "ü" * 200, "\udcff", "a\u202eb"]


def check_names(names):
    made = folder_names(names)
    assert len(made) == len(names)
    assert len({name.casefold() for name in [*made, NOT_SURE]}) == len(names) + 1
    for name in made:
        assert name == os.path.basename(name)  # noqa: PTH119
        assert name not in ("", ".", "..")
        assert not set(name) & set('/\\:*?"<>|\0')
        assert not name.startswith((".", "-", " "))
        assert not name.endswith((".", " "))
        assert len(name.encode()) < 200
        assert name.isprintable()


def test_names_of_folders_are_safe_and_different():
    check_names([*HOSTILE, "Owl", "owl", "OWL", "Not Sure", "owl-1", "e\u0301", "\u00e9"])


@given(st.lists(st.text(), unique=True, max_size=8))
def test_any_names_of_classes_make_safe_folders(names):
    check_names(names)


@pytest.fixture
def photos(tmp_path):
    for name, content in {"a/1.jpg": "A1", "b/1.jpg": "B1", "a/2.jpg": "A2"}.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
    return tmp_path


def content_of(folder):
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("copy", [False, True])
def test_images_go_to_their_class_and_equal_names_do_not_collide(copy, photos):
    folders = SortedFolders(photos / "out", ["owl", "../x"], copy=copy)
    for _ in range(2):  # again, as after an interruption
        folders.put(str(photos / "a/1.jpg"), "owl")
        folders.put(str(photos / "b/1.jpg"), "owl")
        folders.put(str(photos / "a/2.jpg"), "../x")
        folders.put(str(photos / "b/1.jpg"), None)
    found = content_of(photos / "out")
    assert len(found) == 4
    assert (found["owl/1.jpg"], found["_._x/2.jpg"], found["not sure/1.jpg"]) == ("A1", "A2", "B1")
    assert sorted(found.values()) == ["A1", "A2", "B1", "B1"]
    assert (photos / "out/owl/1.jpg").is_symlink() != copy
    assert not list((photos / "out").rglob(".*"))
    if copy:
        (photos / "out/owl/1.jpg").write_text("changed")
        assert (photos / "a/1.jpg").read_text() == "A1"


@pytest.mark.parametrize("copy", [False, True])
def test_nothing_is_replaced(copy, photos):
    mine = photos / "out" / "owl" / "1.jpg"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    folders = SortedFolders(photos / "out", ["owl"], copy=copy)
    folders.put(str(photos / "a/1.jpg"), "owl")
    found = content_of(photos / "out")
    assert found.pop("owl/1.jpg") == "mine"
    (other,) = found
    assert found[other] == "A1"
    (photos / "out" / other).unlink()
    (photos / "out" / other).write_text("mine, too")
    with pytest.raises(RunError, match="cannot be put there"):
        folders.put(str(photos / "a/1.jpg"), "owl")
    assert (photos / "out" / other).read_text() == "mine, too"


@pytest.mark.parametrize("copy", [False, True])
def test_a_link_in_place_of_a_folder_leads_nowhere_else(copy, photos):
    elsewhere = photos / "elsewhere"
    elsewhere.mkdir()
    folders = SortedFolders(photos / "out", ["owl"], copy=copy)
    (photos / "out" / "owl").symlink_to(elsewhere)
    with pytest.raises(RunError, match="cannot be put there"):
        folders.put(str(photos / "a/1.jpg"), "owl")
    assert not list(elsewhere.iterdir())


@pytest.mark.parametrize("copy", [False, True])
def test_a_link_in_place_of_an_image_is_not_written_through(copy, photos):
    victim = photos / "victim"
    victim.write_text("precious")
    (photos / "out/owl").mkdir(parents=True)
    (photos / "out/owl/1.jpg").symlink_to(victim)
    SortedFolders(photos / "out", ["owl"], copy=copy).put(str(photos / "a/1.jpg"), "owl")
    assert victim.read_text() == "precious"
    assert sorted(content_of(photos / "out").values()) == ["A1", "precious"]


def test_names_of_any_length_fit(photos):
    name = "x" * 251 + ".jpg"
    for folder in ("a", "b"):
        (photos / folder / name).write_text(folder)
    folders = SortedFolders(photos / "out", ["owl"])
    for folder in ("a", "b"):
        folders.put(str(photos / folder / name), "owl")
    assert sorted(content_of(photos / "out").values()) == ["a", "b"]
