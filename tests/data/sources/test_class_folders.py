"""Folders of class folders."""

import os
import unicodedata

import pytest

from lpt.data.image_stores import ImageRef
from lpt.data.sources.open_data import open_data
from lpt.errors import DataError


def test_folder_with_splits_is_taken_as_it_is(make_folder):
    root = make_folder({"train/cat": 3, "train/ant": 2, "validation/cat": 1, "test/ant": 2})
    data = open_data(root)
    assert data.class_names == ("ant", "cat")
    assert {name: len(split) for name, split in data.splits.items()} == {
        "train": 5,
        "val": 1,
        "test": 2,
    }
    assert data.counts().tolist() == [2, 3]
    assert data.counts("test").tolist() == [2, 0]
    assert data.splits["test"].ref(0) == ImageRef(root / "test/ant/000.png")
    assert data.splits["train"].read(0) == (root / "train/ant/000.png").read_bytes()


def test_other_files_and_hidden_files_are_ignored(make_folder):
    root = make_folder({"a": 2, "b": 2})
    (root / "a" / "notes.txt").write_text("x")
    (root / "a" / ".cache.png").write_bytes(b"")
    (root / ".git").mkdir()
    assert open_data(root, test_fraction=0).counts().tolist() == [2, 2]


def test_images_may_be_in_subfolders_of_a_class_folder(make_folder):
    root = make_folder({"a/2019/june": 2, "b": 2})
    assert open_data(root, test_fraction=0).counts().tolist() == [2, 2]


def test_images_of_unsupported_formats_are_not_ignored_silently(make_folder):
    root = make_folder({"a": 2, "b": 2})
    (root / "a" / "art.PSD").write_bytes(b"x")
    with pytest.raises(DataError, match=r"art\.PSD: PSD images are not supported here"):
        open_data(root)


def test_all_faults_of_a_folder_are_named_at_once(make_folder):
    root = make_folder({"a": 2, "b": 2, "c": 0, "d": 0})
    (root / "a" / "1.psd").write_bytes(b"x")
    (root / "b" / "2.psd").write_bytes(b"x")
    with pytest.raises(DataError) as caught:
        open_data(root)
    text = str(caught.value)
    assert "photos: 4 problems: " in text
    for name in ("photos/c", "photos/d", "a/1.psd", "b/2.psd"):
        assert name in text
    assert len(text.splitlines()) == 2


def test_lenient_reading_returns_the_rest_with_the_faults(make_folder):
    root = make_folder({"a": 2, "b": 2, "c": 0})
    (root / "a" / "1.psd").write_bytes(b"x")
    data = open_data(root, test_fraction=0, lenient=True)
    assert data.counts().tolist() == [2, 2]
    assert [problem.kind for problem in data.problems] == ["unsupported", "empty-class"]
    with pytest.raises(DataError, match="class folder has no images"):
        open_data(make_folder({"x/a": 0, "x/b": 0}) / "x", lenient=True)


# Splits or classes


def test_classes_named_like_splits_are_classes_if_they_hold_images(make_folder):
    assert open_data(make_folder({"bus": 3, "car": 3, "train": 3})).class_names == (
        *("bus", "car", "train"),
    )


def test_split_none_takes_folders_named_like_splits_for_classes(make_folder):
    root = make_folder({"train/steam": 3, "train/diesel": 2, "bus/old": 3})
    with pytest.raises(DataError, match=r"mixes split folders \(train\) .* 'bus'.*split=none"):
        open_data(root)
    assert open_data(f"{root}:split=none").class_names == ("bus", "train")
    with pytest.raises(DataError, match="split=yes: the only choice is"):
        open_data(f"{root}:split=yes")


def test_split_folders_with_images_and_no_class_folders_ask_what_they_are(make_folder):
    root = make_folder({"train": 3, "test": 3})
    with pytest.raises(DataError, match=r"no class folders.*split=none if test, train are"):
        open_data(root)
    assert open_data(f"{root}:split=none").class_names == ("test", "train")


def test_a_folder_of_lists_beside_the_splits_is_left_out_and_counted(make_folder):
    root = make_folder({"train/a": 2, "train/b": 2, "test/a": 1, "test/b": 1})
    (root / "lists").mkdir()
    (root / "lists" / "lt.csv").write_text("x")
    data = open_data(root)
    assert {name: len(split) for name, split in data.splits.items()} == {"train": 4, "test": 2}
    assert "1 folder without images (lists)" in data.notes[0]


# Depth


def test_nested_folders_are_noted_and_may_be_classes(make_folder):
    root = make_folder({"Fruit/Apple/Golden": 3, "Fruit/Pear": 3, "Nut/Hazel": 3})
    merged = open_data(root)
    assert merged.class_names == ("Fruit", "Nut")
    assert "Fruit/Apple/Golden, Fruit/Pear, Nut/Hazel" in merged.notes[0]
    assert "depth=leaf" in merged.notes[0]
    assert open_data(f"{root}:depth=2").class_names == ("Fruit/Apple", "Fruit/Pear", "Nut/Hazel")
    leaves = open_data(f"{root}:depth=leaf")
    assert leaves.class_names == ("Fruit/Apple/Golden", "Fruit/Pear", "Nut/Hazel")
    assert not leaves.notes


def test_depth_counts_from_the_split_folders(make_folder):
    root = make_folder({"train/x/a": 3, "train/x/b": 3, "test/x/a": 1})
    data = open_data(f"{root}:depth=leaf")
    assert data.class_names == ("x/a", "x/b")
    assert data.counts("test").tolist() == [1, 0]


@pytest.mark.parametrize("depth", ["0", "-1", "10", "two", "99999999999", "\u00b2"])
def test_a_depth_that_is_none_is_refused(make_folder, depth):
    with pytest.raises(DataError, match="choose leaf, or a number from 1 to 9"):
        open_data(f"{make_folder({'a': 1, 'b': 1})}:depth={depth}")


def test_images_above_the_class_folders_are_an_error(make_folder):
    root = make_folder({"a/x": 2, "b": 2})
    with pytest.raises(DataError, match="2 problems: lies above the class folders, which are 2"):
        open_data(f"{root}:depth=2")


# Names


def test_images_outside_the_class_folders_are_counted(make_folder):
    root = make_folder({"a": 2, "b": 2})
    (root / "stray.jpg").write_bytes(b"x")
    (root / "readme").write_bytes(b"x")
    assert open_data(root, test_fraction=0).notes == (
        "left out  1 file that is not an image (readme); "
        "1 image outside the class folders (stray.jpg)",
    )


def test_two_unicode_forms_of_one_class_name_are_an_error(make_folder):
    root = make_folder({unicodedata.normalize(form, "Möwe"): 2 for form in ("NFC", "NFD")})
    with pytest.raises(DataError, match="another Unicode form"):
        open_data(root)


def test_names_of_files_that_are_not_utf_8_are_kept_byte_for_byte(make_folder):
    root = make_folder({"a": 2, "b": 2})
    name = os.fsdecode("Größe".encode("latin-1"))
    (root / "a").rename(root / name)
    data = open_data(root, test_fraction=0)
    assert data.class_names == (r"Gr\xf6\xdfe", "b")  # a class has a name that is text
    train = data.split("train")
    assert sorted(os.fsencode(train.name_of(i)).rsplit(b"/")[-2] for i in range(4)) == sorted(
        [os.fsencode(name), os.fsencode(name), b"b", b"b"]
    )
    assert all(train.read(i) for i in range(4))


def test_bad_folders_are_named_with_a_remedy(make_folder, tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        open_data(tmp_path / "nowhere")
    root = make_folder({"a": 2, "b": 0})
    with pytest.raises(DataError, match=r"photos/b: the class folder has no images"):
        open_data(root)
    (root / "b").rmdir()
    with pytest.raises(DataError, match="only one class, 'a'"):
        open_data(root)
    (root / "train" / "x").mkdir(parents=True)
    with pytest.raises(DataError, match=r"mixes split folders .* 'a'"):
        open_data(root)
    with pytest.raises(DataError, match="no class folders"):
        open_data(root / "train" / "x")


def test_a_folder_of_lists_beside_the_classes_is_no_class(make_folder):
    root = make_folder({"a": 2, "b": 2})
    (root / "lists, old").mkdir()
    (root / "lists, old" / "lt.csv").write_text("path,label\n")
    found = open_data(root, test_fraction=0)
    assert found.class_names == ("a", "b")
    assert any("1 folder without images (lists, old)" in note for note in found.notes)
