"""Folders of class folders."""

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
    (root / "a" / "phone.HEIC").write_bytes(b"x")
    with pytest.raises(DataError, match=r"phone\.HEIC: \.heic images are not supported"):
        open_data(root)


def test_bad_folders_are_named_with_a_remedy(make_folder, tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        open_data(tmp_path / "nowhere")
    root = make_folder({"a": 2, "b": 0})
    with pytest.raises(DataError, match=r"photos/b: the class folder has no images"):
        open_data(root)
    (root / "b").rmdir()
    with pytest.raises(DataError, match="only one class, 'a'"):
        open_data(root)
    (root / "train").mkdir()
    with pytest.raises(DataError, match=r"mixes split folders .* 'a'"):
        open_data(root)
    with pytest.raises(DataError, match="no class folders"):
        open_data(root / "train")
