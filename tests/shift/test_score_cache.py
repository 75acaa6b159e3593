"""Kept predictions are used only for the same images, labels, task and transform."""

import os
from pathlib import Path

import numpy as np
import pytest

from lpt.data.image_stores import FileStore, MemoryStore
from lpt.data.manifest import Split
from lpt.records import Predictions
from lpt.shift import score_cache
from lpt.shift.score_cache import ScoreCache

from ..tiny import write_photos


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return write_photos(tmp_path / "photos", {"ant": 3})


def split_of(root: Path) -> Split:
    store = FileStore.of_files(root, [f"ant/0{i}.png" for i in range(3)])
    return Split("test", store, np.arange(3), np.array([0, 1, 0]))


def found_for(split: Split, classes: int = 2) -> Predictions:
    logits = np.random.default_rng(0).normal(size=(len(split), classes)).astype(np.float32)
    return Predictions(logits, split.labels, np.zeros((len(split), 2), dtype=np.int64))


def test_predictions_come_back_bit_for_bit(photos, tmp_path):
    cache, split = ScoreCache(tmp_path / "scored", "a" * 64, "cpu"), split_of(photos)
    path = cache.path(split, "")
    assert path is not None
    assert cache.find(path, split, 2) is None
    wanted = found_for(split)
    cache.keep(path, wanted)
    found = cache.find(path, split, 2)
    assert found is not None
    assert found.logits.tobytes() == wanted.logits.tobytes()
    assert np.array_equal(found.labels, wanted.labels)
    assert np.array_equal(found.matched, wanted.matched)


def test_every_part_of_the_identity_counts(photos, tmp_path):
    folder, split = tmp_path / "scored", split_of(photos)
    cache = ScoreCache(folder, "a" * 64, "cpu")
    paths = {
        cache.path(split, ""),
        cache.path(split, "border 2"),
        cache.path(split.take([0, 2, 1]), ""),
        cache.path(Split("test", split.store, split.positions, split.labels[::-1].copy()), ""),
        cache.path(Split("test", split.store, split.positions, split.labels * 0), ""),
        ScoreCache(folder, "b" * 64, "cpu").path(split, ""),
        ScoreCache(folder, "a" * 64, "cuda").path(split, ""),
    }
    assert len(paths) == 7 - 1  # labels 0, 1, 0 are the same in reverse
    before = cache.path(split, "")
    os.utime(photos / "ant" / "01.png", ns=(1, 1))
    assert cache.path(split, "") != before
    (photos / "ant" / "01.png").unlink()
    assert cache.path(split, "") is None


def test_images_in_memory_are_known_by_their_bytes(tmp_path):
    cache = ScoreCache(tmp_path, "a" * 64, "cpu")

    def path(*images: bytes) -> Path | None:
        store = MemoryStore("digits", images)
        return cache.path(Split("test", store, np.arange(2), np.zeros(2, dtype=np.int64)), "")

    assert path(b"a", b"b") == path(b"a", b"b") != path(b"a", b"c")
    assert path(b"ab", b"c") != path(b"a", b"bc")


@pytest.mark.parametrize("damage", [b"", b"text", "cut", "classes"])
def test_a_file_that_does_not_fit_is_not_believed(damage, photos, tmp_path):
    cache, split = ScoreCache(tmp_path / "scored", "a" * 64, "cpu"), split_of(photos)
    path = cache.path(split, "")
    cache.keep(path, found_for(split, 3 if damage == "classes" else 2))
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-3])
    elif isinstance(damage, bytes):
        path.write_bytes(damage)
    assert cache.find(path, split, 2) is None


def test_the_folder_is_bounded(photos, tmp_path, monkeypatch):
    cache, split = ScoreCache(tmp_path / "scored", "a" * 64, "cpu"), split_of(photos)
    first, second = cache.path(split, "1"), cache.path(split, "2")
    cache.keep(first, found_for(split))
    os.utime(first, ns=(1, 1))
    monkeypatch.setattr(score_cache, "FOLDER_BYTES", first.stat().st_size)
    cache.keep(second, found_for(split))
    assert not first.exists()
    assert second.exists()
    monkeypatch.setattr(score_cache, "MOST_BYTES", 10)
    cache.keep(first, found_for(split))
    assert not first.exists()
