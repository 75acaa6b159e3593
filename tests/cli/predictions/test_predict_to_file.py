"""Wherever a process dies, the finished file is the same; memory does not grow."""

import os
import tracemalloc
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest

from lpt.cli.predictions import predict_to_file as module
from lpt.cli.predictions.given_images import GivenImage
from lpt.cli.predictions.lazy_images import lazy_images
from lpt.cli.predictions.partial_file import PartialFile
from lpt.cli.predictions.predict_to_file import predict_to_file
from lpt.cli.predictions.row_bytes import format_of
from lpt.cli.predictions.sorted_folders import SortedFolders
from lpt.errors import DataError
from lpt.task import Prediction

from ...tiny import Killed


def guess(paths):
    """Stands for a task: every seventh image is bad."""
    for path in paths:
        number = int(path.stem)
        if number % 7 == 3:
            yield DataError(f"{path}: damaged.")
        else:
            label = "owl" if number % 2 else "wren"
            yield Prediction(str(path), (label, "other"), (0.5 + number % 5 / 10, 0.1), (number,))


IMAGES = [GivenImage(Path(f"{n}.jpg")) for n in range(40)]
IMAGES.insert(20, GivenImage(Path("none.jpg"), DataError("none.jpg: no such file.")))


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 6)


def run(out, predict=guess, images=IMAGES, **options):
    with PartialFile(out, {"RUN": "x"}) as file:
        return predict_to_file(predict, images, file, format_of(out, 2, None), **options)


def test_every_image_has_a_row_and_bad_ones_are_counted(tmp_path):
    summary = run(tmp_path / "p.csv", threshold=0.7)
    lines = (tmp_path / "p.csv").read_text().splitlines()
    assert (summary.images, len(lines)) == (41, 42)
    assert (summary.bad, summary.continued) == (7, 0)
    assert summary.examples == ("3.jpg", "10.jpg", "17.jpg")
    assert lines[1] == "0.jpg,wren,0.500000,other,0.100000,yes,"
    assert lines[4] == "3.jpg,,,,,,damaged."
    assert lines[21] == "none.jpg,,,,,,no such file."


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_a_file_of_a_process_that_died_anywhere_is_the_same(suffix, tmp_path, monkeypatch):
    whole = tmp_path / f"whole{suffix}"
    run(whole)
    synced, calls, dies_at = os.fsync, 0, 0

    def fsync(handle):
        nonlocal calls
        calls += 1
        if calls == dies_at:
            raise Killed
        synced(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    out, deaths = tmp_path / f"out{suffix}", 0
    for attempt in range(1, 60):  # the n-th process dies at its n-th sync
        calls, dies_at = 0, attempt
        try:
            summary = run(out)
        except Killed:
            deaths += 1
            continue
        break
    assert deaths > 4
    assert summary.images == 41
    assert summary.bad == 7
    assert out.read_bytes() == whole.read_bytes()
    assert {one.name for one in tmp_path.iterdir()} == {whole.name, out.name}


def test_a_process_that_dies_while_it_predicts_repeats_one_chunk_at_most(tmp_path):
    seen = []

    def dying(paths):
        seen.append(len(paths))
        if len(seen) == 4:
            raise Killed
        return guess(paths)

    with pytest.raises(Killed):
        run(tmp_path / "p.csv", dying)
    summary = run(tmp_path / "p.csv", dying)
    assert summary.continued == 18
    assert sum(seen) == 40 + seen[3]


@pytest.mark.parametrize(
    ("total", "line"),
    [
        (41, "predict   24 of 41 images, 3.0/s, 6 s left"),
        (None, "predict   24 images, 3.0/s"),
        (20, "predict   24 images, 3.0/s"),  # the folder has grown
    ],
)
def test_progress_counts_all_images_at_the_rate_of_this_process(total, line, tmp_path, monkeypatch):
    def dying(paths):
        if Path("18.jpg") in paths:
            raise Killed
        return guess(paths)

    with pytest.raises(Killed):
        run(tmp_path / "p.csv", dying)
    seconds, said = count(), []
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: next(seconds)))
    monkeypatch.setattr(module, "_EVERY", 0.0)
    summary = run(tmp_path / "p.csv", total=total, say=said.append)
    assert summary.continued == 18
    assert said[0] == line  # 6 images in 2 s


def test_images_are_sorted_by_class_below_the_threshold_apart(tmp_path):
    images = []
    for number in range(14):
        path = tmp_path / "photos" / f"{number}.jpg"
        path.parent.mkdir(exist_ok=True)
        path.write_text(str(number))
        images.append(GivenImage(path))
    folders = SortedFolders(tmp_path / "out", ["owl", "wren"])
    run(tmp_path / "p.csv", images=images, threshold=0.75, folders=folders)
    names = {
        folder.name: sorted(int(p.stem) for p in folder.iterdir())
        for folder in (tmp_path / "out").iterdir()
    }
    assert names == {"owl": [9, 13], "wren": [4, 8], "not sure": [0, 1, 2, 5, 6, 7, 11, 12]}


def test_memory_does_not_grow_with_the_number_of_images(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 100)
    monkeypatch.setattr("lpt.data.lazy_walk.BLOCK", 100)
    one = tmp_path / "one"
    one.write_bytes(b"\xff\xd8\xff")

    def peak(count):
        folder = tmp_path / str(count)
        folder.mkdir()
        for number in range(count):
            os.link(one, folder / f"{number:06d}.jpg")
        tracemalloc.start()
        images = lazy_images([folder], None)
        assert run(tmp_path / f"{count}.csv", images=images).images == count
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(200)  # imports
    assert peak(3000) < 1.2 * peak(600)
