"""The lazy walk finds what the walk of training finds, in the same order."""

import os
import random
import tracemalloc

import pytest

from lpt.data.image_tree import ImageTree
from lpt.data.lazy_walk import LazyWalk

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 24
NAMES = ["a.jpg", "B.png", "c", "d.txt", ".hidden.jpg", "ü.webp", "10.jpg", "9.jpg", "Thumbs.db"]


def grow(folder, depth, draw):
    folder.mkdir(parents=True)
    for name in draw.sample(NAMES, 7):
        (folder / name).write_bytes(PNG)
    (folder / "broken.jpg").symlink_to(folder / "nowhere")
    (folder / "linked.jpg").symlink_to(folder / "10.jpg")
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    os.mkfifo(folder / "pipe.jpg")
    for name in ("z", "A", ".git", "m.jpg") if depth else ():
        grow(folder / name, depth - 1, draw)


@pytest.mark.parametrize("block", [1, 2, 3, 1000])
def test_it_yields_the_same_images_in_the_same_order(block, tmp_path):
    root = tmp_path / "photos"
    grow(root, 2, random.Random(0))
    usual, lazy = ImageTree(root, unsupported=True), LazyWalk(root, block=block)
    assert list(lazy.images(root)) == list(usual.images(root))
    assert lazy.left_out.counts == usual.left_out.counts
    assert lazy.problems == []
    counting = LazyWalk(root, block=block)
    assert counting.count(root) == len(list(usual.images(root)))
    assert counting.problems == []


def test_a_folder_that_cannot_be_listed_is_one_problem(tmp_path, monkeypatch):
    (tmp_path / "closed").mkdir()
    (tmp_path / "open.jpg").write_bytes(PNG)
    listed = os.scandir

    def scandir(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)
    walk = LazyWalk(tmp_path)
    assert len(list(walk.images(tmp_path))) == 1
    assert [problem.kind for problem in walk.problems] == ["unreadable-folder"]


def test_images_of_other_formats_are_yielded_and_not_collected(tmp_path):
    for number in range(5):
        (tmp_path / f"{number}.psd").write_bytes(b"8BPS")
    walk = LazyWalk(tmp_path)
    assert len(list(walk.images(tmp_path))) == 5
    assert walk.problems == []


def test_memory_does_not_grow_with_the_folder(tmp_path):
    first = tmp_path / "one.jpg"
    first.write_bytes(PNG)

    def peak(count):
        folder = tmp_path / str(count)
        folder.mkdir()
        for number in range(count):
            os.link(first, folder / f"a photo with a usual name {number:05d}.jpg")
        walk = LazyWalk(folder, block=100)
        tracemalloc.start()
        assert sum(1 for _ in walk.images(folder)) == count
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(10)  # what is imported or cached on first use counts for neither
    # A list of 3,600 more names would take more than 400,000 bytes.
    assert peak(4000) < peak(400) + 100_000
