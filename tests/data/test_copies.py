"""Copies of images are found, cheaply."""

import os
import time

import numpy as np
import pytest

from lpt.data.copies import copy_numbers
from lpt.data.image_stores import FileStore, MemoryStore
from lpt.data.sources.open_data import open_data

from .conftest import encoded


def store(root, *names):
    return FileStore.of_files(root, list(names))


def test_copies_have_one_number(tmp_path):
    for name, number in {"a.png": 1, "b.png": 2, "c.png": 1}.items():
        (tmp_path / name).write_bytes(encoded(number))
    os.link(tmp_path / "b.png", tmp_path / "hard.png")
    (tmp_path / "soft.png").symlink_to("b.png")
    numbers = copy_numbers(store(tmp_path, "a.png", "b.png", "c.png", "hard.png", "soft.png"))
    assert numbers is not None
    assert numbers[0] == numbers[2]
    assert len(set(numbers.tolist())) == 2


def test_data_without_copies_has_no_numbers(tmp_path):
    for i in range(5):
        (tmp_path / f"{i}.png").write_bytes(bytes(5000) + bytes([i]))
    files = store(tmp_path, *(f"{i}.png" for i in range(5)))
    assert copy_numbers(files) is None
    assert copy_numbers(MemoryStore("m", (b"x", b"x"))) is None
    assert copy_numbers(store(tmp_path, "gone.png", "lost.png")) is None


def test_files_that_differ_only_at_the_start_are_no_copies(tmp_path):
    for i in range(2):
        (tmp_path / f"{i}.png").write_bytes(bytes([i]) + bytes(9000))
    assert copy_numbers(store(tmp_path, "0.png", "1.png")) is None


def test_empty_files_and_pipes_are_no_copies(tmp_path):
    for name in ("0.png", "1.png"):
        (tmp_path / name).write_bytes(b"")
    os.mkfifo(tmp_path / "2.png")
    assert copy_numbers(store(tmp_path, "0.png", "1.png", "2.png")) is None


def test_files_too_large_for_images_are_neither_read_nor_copies(tmp_path):
    for name in ("0.png", "1.png"):
        (tmp_path / name).touch()
        os.truncate(tmp_path / name, 20 * 2**30)
    began = time.process_time()
    assert copy_numbers(store(tmp_path, "0.png", "1.png")) is None
    assert time.process_time() - began < 1


@pytest.mark.parametrize("seed", range(5))
def test_copies_of_a_photo_stay_on_one_side_of_the_split(tmp_path, seed):
    for label in ("a", "b"):
        (tmp_path / label).mkdir()
        for i in range(20):
            image = encoded(i // 2 + 100 * (label == "b"))
            (tmp_path / label / f"{i:02d}.png").write_bytes(image)
    data = open_data(tmp_path, seed=seed)
    sides = [{split.read(i) for i in range(len(split))} for split in data.splits.values()]
    assert sum(map(len, sides)) == len(set().union(*sides)) == 20
    assert data.counts("test").tolist() == [4, 4]


def test_a_list_that_names_an_image_twice_keeps_both_on_one_side(tmp_path):
    lines = ["path,label"]
    for i in range(20):
        (tmp_path / f"{i}.png").write_bytes(encoded(i))
        lines += [f"{i}.png,{'ab'[i % 2]}", f"./{i}.png,{'ab'[i % 2]}"]
    (tmp_path / "list.csv").write_text("\n".join(lines))
    data = open_data(tmp_path / "list.csv")
    train, test = (
        {s.read(i) for i in range(len(s))} for s in (data.splits["train"], data.splits["test"])
    )
    assert not train & test
    assert len(np.unique(data.splits["test"].labels)) == 2
