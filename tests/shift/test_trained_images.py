"""Training images among test images are found, whatever they are called."""

import io
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import lpt
from lpt.data.image_stores import FileStore, MemoryStore
from lpt.data.manifest import Split
from lpt.shift.trained_images import moved_training_images, trained_on

from ..tiny import SETTINGS, write_backbone, write_photos


def split_of(root: Path, names: list[str]) -> Split:
    n = len(names)
    store = FileStore.of_files(root, names)
    return Split("test", store, np.arange(n), np.zeros(n, dtype=np.int64))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return write_photos(tmp_path / "photos", {"ant": 3, "bee": 3})


def test_a_file_is_found_by_any_spelling_and_a_copy_by_its_content(photos, tmp_path):
    shutil.copy(photos / "ant" / "00.png", tmp_path / "copy.png")
    (tmp_path / "link.png").symlink_to(photos / "ant" / "01.png")
    Image.new("RGB", (9, 9)).save(tmp_path / "other.png")
    train = split_of(photos, ["ant/00.png", "ant/01.png"])
    names = ["copy.png", "link.png", "other.png", "photos/bee/../ant/00.png", "photos/bee/00.png"]
    found = trained_on(train, split_of(tmp_path, names))
    assert found.tolist() == [True, True, False, True, False]


def test_only_the_images_of_the_split_count(photos):
    every = split_of(photos, [f"{name}/0{i}.png" for name in ("ant", "bee") for i in range(3)])
    train, test = every.take([0, 2, 4]), every.take([1, 2, 3, 4])
    assert trained_on(train, test).tolist() == [False, True, False, True]
    assert not trained_on(train, every.take([1, 3, 5])).any()


def test_images_in_memory_are_known_by_their_place(photos):
    stream = io.BytesIO()
    Image.new("RGB", (9, 9)).save(stream, "PNG")
    store = MemoryStore("digits", (stream.getvalue(),) * 4)
    every = Split("train", store, np.arange(4), np.zeros(4, dtype=np.int64))
    assert trained_on(every.take([0, 1]), every.take([1, 2])).tolist() == [True, False]
    assert not trained_on(split_of(photos, ["ant/00.png"]), every).any()


def test_data_that_moved_still_names_its_training_images(photos, tmp_path):
    vit = write_backbone(tmp_path / "vit.safetensors")
    settings = {**SETTINGS, "phase1.epochs": 0, "phase2.epochs": 0}
    task = lpt.train(photos, backbone=vit, out=tmp_path / "run", settings=settings, device="cpu")
    moved = tmp_path / "moved"
    photos.rename(moved)
    train = moved_training_images(tmp_path / "run", moved, task.class_names)
    assert train is not None
    assert len(train) == sum(task.spec.class_counts)
    (moved / "ant" / "00.png").unlink()
    assert moved_training_images(tmp_path / "run", moved, task.class_names) is None
    assert moved_training_images(tmp_path / "run", "nowhere", task.class_names) is None
