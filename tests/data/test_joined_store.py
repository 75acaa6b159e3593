"""Two sources behind one another keep their images, names and order."""

import pickle

import numpy as np

from lpt.data.image_stores import MemoryStore
from lpt.data.joined_store import join_splits
from lpt.data.manifest import Split


def split(name: str, *images: bytes) -> Split:
    n = len(images)
    return Split("train", MemoryStore(name, images), np.arange(n)[::-1], np.arange(n))


def test_a_joined_split_reads_as_both():
    joined = join_splits(split("a", b"1", b"2"), split("b", b"3", b"4", b"5"))
    assert [joined.read(i) for i in range(len(joined))] == [b"2", b"1", b"5", b"4", b"3"]
    assert [joined.name_of(i) for i in (0, 2)] == ["a row 1", "b row 2"]
    assert joined.labels.tolist() == [0, 1, 0, 1, 2]
    assert len(joined.store) == 5


def test_worker_processes_can_have_it():
    joined = join_splits(split("a", b"1"), split("b", b"2"))
    assert pickle.loads(pickle.dumps(joined)).read(1) == b"2"
