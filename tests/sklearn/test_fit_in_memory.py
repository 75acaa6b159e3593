"""Training on images in memory leaves a task and nothing else."""

import tempfile
from pathlib import Path

import numpy as np
import pytest

from lpt.api import TrainRequest
from lpt.errors import TaskFileError
from lpt.progress import SilentReporter
from lpt.sklearn.fit_in_memory import fit_in_memory, task_from_bytes
from lpt.task.inference.image_inputs import iterate_inputs

from .conftest import MEANS_ONLY

LABELS = np.repeat([0, 1], [20, 12]).astype(np.int64)


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def inputs(labels=LABELS):
    noise = np.random.default_rng(0)
    images = [noise.integers(90 * c, 90 * c + 99, (8, 8, 3), dtype=np.uint8) for c in labels]
    return tuple(iterate_inputs(images))


def request(vit, **changes):
    settings = {**MEANS_ONLY, **changes}
    return TrainRequest(backbone=vit, settings=settings, device="cpu")


def test_nothing_stays_on_the_disk(vit, place):
    task, content = fit_in_memory(inputs(), LABELS, "ab", request(vit), SilentReporter())
    assert task.class_names == ("a", "b")
    assert len(content) > 1000
    assert not list(place.iterdir())


def test_a_failed_fit_leaves_nothing_either(vit, place):
    class Stop(SilentReporter):
        def begin(self, *arguments, **named):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit_in_memory(inputs(), LABELS, "ab", request(vit), Stop())
    assert not list(place.iterdir())


def test_a_share_of_each_class_is_held_out_for_calibration(vit, place):
    def counts(**changes):
        task, _ = fit_in_memory(inputs(), LABELS, "ab", request(vit, **changes), SilentReporter())
        return task.spec.class_counts

    assert counts() == (18, 11)
    assert counts(**{"data.val_fraction": 0.0}) == (20, 12)


def test_bytes_are_validated_as_any_task_file(vit, place):
    task, content = fit_in_memory(inputs(), LABELS, "ab", request(vit), SilentReporter())
    again = task_from_bytes(content, str(vit), "cpu")
    images = [one.content for one in inputs()]
    assert np.array_equal(again.predict_proba(images), task.predict_proba(images))
    with pytest.raises(TaskFileError):
        task_from_bytes(content[:-100], str(vit), "cpu")
    assert not list(place.iterdir())
