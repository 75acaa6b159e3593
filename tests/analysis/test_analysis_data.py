"""Which images `lpt analyze` opens."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from lpt.analysis.analysis_data import open_analysis_data
from lpt.errors import DataError, RunError
from lpt.task import Task


@pytest.fixture(scope="module")
def task(trained: Path) -> Task:
    return Task.load(trained, device="cpu")


def test_a_run_knows_its_test_and_training_images(trained: Path, task: Task) -> None:
    opened = open_analysis_data(trained, task, None, None, most_bank=1000)
    assert opened.images.name == "test"
    assert opened.bank is not None
    assert len(opened.bank) == sum(task.spec.class_counts)
    assert (opened.bank_per_class, opened.source) == (None, None)


def test_a_small_bank_has_equally_many_images_per_class(trained: Path, task: Task) -> None:
    opened = open_analysis_data(trained, task, None, None, most_bank=7)
    assert opened.bank is not None
    assert np.bincount(opened.bank.labels).tolist() == [1, 1, 1, 1]
    assert opened.bank_per_class == 1


def test_a_task_file_needs_data(trained: Path, task: Task, tmp_path: Path) -> None:
    file = Path(shutil.copy(trained / "task.safetensors", tmp_path / "t.safetensors"))
    with pytest.raises(RunError, match="does not record its data"):
        open_analysis_data(file, task, None, None, most_bank=7)
    photos = str(trained.parent / "photos")
    opened = open_analysis_data(file, task, photos, photos, most_bank=7)
    assert opened.bank is None
    assert opened.source is not None


def test_data_of_other_classes_is_refused(trained: Path, task: Task, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(trained.parent / "photos" / "ant", other / "wasp")
    shutil.copytree(trained.parent / "photos" / "ant", other / "ant")
    with pytest.raises(DataError, match="wasp"):
        open_analysis_data(trained, task, str(other), None, most_bank=7)
