"""Class frequencies are estimated from images in bounded memory, without unreadable ones."""

import itertools

import numpy as np
import pytest

from lpt.api import estimate_prior
from lpt.api.estimate_prior import EvenSample, estimate_image_prior
from lpt.errors import DataError
from lpt.task import Task, find_images
from lpt.task.class_prior import estimate_task_prior
from lpt.task.inference.image_inputs import as_split, iterate_inputs

from ..serving.many_tasks import task_of, write_lively
from ..tiny import backbone_of, write_photos


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    root = tmp_path_factory.mktemp("frequencies")
    task = task_of(backbone_of(write_lively(root / "vit.safetensors")))
    return task, find_images([write_photos(root / "photos", {"ant": 9, "bee": 4})])


def own(task: Task, paths) -> np.ndarray:
    found = task.run(as_split(iterate_inputs(paths)))
    return estimate_task_prior(task.spec, found).prior


@pytest.mark.parametrize("chunk", [4, 64])
def test_the_estimate_is_that_of_all_images_together(place, chunk):
    task, paths = place
    counted: list[int] = []
    estimate = estimate_image_prior(task, paths, chunk=chunk, on_images=counted.append)
    assert estimate.prior == pytest.approx(own(task, paths), abs=1e-5)
    assert (estimate.images, sum(counted)) == (13, 13)


def test_images_that_cannot_be_read_are_left_out(place, tmp_path):
    task, paths = place
    mixed = [*paths[:5], tmp_path / "none.png", *paths[5:]]
    assert estimate_image_prior(task, mixed).prior == pytest.approx(own(task, paths), abs=1e-5)
    with pytest.raises(DataError, match="No image can be read"):
        estimate_image_prior(task, [tmp_path / "none.png"])


def test_of_many_images_every_second_one_is_kept(place, monkeypatch):
    task, paths = place
    monkeypatch.setattr(estimate_prior, "MOST_NUMBERS", 3 * 8)
    estimate = estimate_image_prior(task, paths)
    assert estimate.images == 7
    assert estimate.prior == pytest.approx(own(task, paths[::2]), abs=1e-5)


@pytest.mark.parametrize("rows", [1, 2, 7, 8, 9, 100, 1000])
def test_a_sample_is_even_and_bounded(rows):
    sample = EvenSample(8)
    for number in range(rows):
        sample.add(np.array([number]))
    kept = sample.rows()[:, 0].tolist()
    assert len(kept) <= 8
    assert len({b - a for a, b in itertools.pairwise(kept)}) <= 1
    assert kept[0] == 0
    assert rows <= 8 or len(kept) >= 4
