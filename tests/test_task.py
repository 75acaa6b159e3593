"""Images are found where people point, and predictions are in the order they were asked for."""

from pathlib import Path

import numpy as np
import pytest
import torch

from lpt.data.sources.open_data import open_data
from lpt.errors import DataError, TaskFileError
from lpt.task import Task, find_images
from lpt.task_file import save_task

from .test_task_file import model_for, spec_for
from .tiny import backbone_of, write_backbone, write_photos

NAMES = {"class_names": ("ant", "bee", "cat", "dog"), "class_counts": (30, 12, 6, 3)}


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_photos(tmp_path_factory.mktemp("photos") / "photos")


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Task:
    backbone = backbone_of(write_backbone(tmp_path_factory.mktemp("vit") / "vit.safetensors"))
    spec = spec_for(backbone, **NAMES)
    return Task(model_for(backbone, spec), spec)


def test_files_and_folders_are_found_in_order(photos):
    found = find_images([photos / "dog", photos / "ant" / "03.png"])
    assert found == [*sorted((photos / "dog").iterdir()), photos / "ant" / "03.png"]
    assert len(find_images([photos])) == 51


def test_a_folder_without_images_and_a_missing_path_are_named(tmp_path):
    with pytest.raises(DataError, match=r"holds no images \(.*\.jpg"):
        find_images([tmp_path])
    with pytest.raises(DataError, match="gone: no such file or folder"):
        find_images([tmp_path / "gone"])


def test_predictions_do_not_depend_on_batch_or_company(task, photos):
    pictures = find_images([photos / "ant"])
    together = task.predict(pictures, batch=7, top=4)
    for path, prediction in zip(pictures[:3], together, strict=False):
        (alone,) = task.predict([path], top=4)
        assert alone.labels == prediction.labels
        assert alone.matched == prediction.matched
        assert alone.probabilities == pytest.approx(prediction.probabilities, abs=1e-5)


def test_more_classes_than_there_are_give_all(task, photos):
    (prediction,) = task.predict([photos / "ant" / "00.png"], top=99)
    assert set(prediction.labels) == set(NAMES["class_names"])
    assert sum(prediction.probabilities) == pytest.approx(1)


def test_temperature_sharpens_probabilities_and_changes_no_order(task, photos):
    sharp = Task(task.model, task.spec.model_copy(update={"temperature": 0.01}))
    pictures = find_images([photos / "bee"])
    for soft, hard in zip(task.predict(pictures), sharp.predict(pictures), strict=True):
        assert soft.labels == hard.labels
        assert hard.probabilities[0] >= soft.probabilities[0]


def test_progress_counts_every_image(task, photos):
    seen: list[int] = []
    task.predict(find_images([photos / "ant"]), batch=8, on_batch=seen.append)
    assert sum(seen) == 30


@pytest.mark.parametrize("chunk", [1, 3, 512])
def test_each_path_has_a_prediction_or_the_reason_why_not(task, photos, tmp_path, chunk):
    whole = find_images([photos / "ant"])[:20]
    text = tmp_path / "text.png"
    text.write_text("no image")
    given = [*whole[:4], text, *whole[4:], text]
    found = list(task.predict_each(given, top=2, chunk=chunk))
    assert [f.path for f in found if not isinstance(f, DataError)] == [str(p) for p in whole]
    told = [i for i, f in enumerate(found) if isinstance(f, DataError)]
    assert told == [4, len(given) - 1]
    assert all("text.png" in str(found[i]) for i in told)


def test_evaluation_agrees_with_predictions(task, photos):
    data = open_data(photos, val_fraction=0, test_fraction=0)
    split = data.split("train")
    paths = [split.ref(i).path for i in range(len(split))]
    first = [prediction.labels[0] for prediction in task.predict(paths, top=1)]
    wanted = np.mean(
        [data.class_names[y] == name for y, name in zip(split.labels, first, strict=True)]
    )
    assert task.evaluate(split).overall == pytest.approx(wanted)


def test_a_split_without_images_is_refused(task, photos):
    split = open_data(photos).split("train").take([])
    with pytest.raises(DataError, match="has no images to evaluate"):
        task.evaluate(split)


def test_a_folder_that_is_no_run_has_no_task(tmp_path):
    with pytest.raises(TaskFileError, match=r"no such file\. Give a task file, or the folder"):
        Task.load(tmp_path)


def test_loaded_from_its_file_it_says_the_same(task, photos, tmp_path):
    save_task(tmp_path / "task.safetensors", task.model, task.spec)
    loaded = Task.load(tmp_path, device="cpu")
    assert not loaded.model.training
    assert loaded.groups == task.groups
    pictures = find_images([photos / "cat"])
    assert loaded.predict(pictures) == task.predict(pictures)
    split = open_data(photos).split("train")
    assert np.array_equal(loaded.run(split).logits, task.run(split).logits)
    assert torch.equal(loaded.model.pool.keys, task.model.pool.keys)
