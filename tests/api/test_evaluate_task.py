"""A task is scored on data in whatever form it is named."""

from pathlib import Path

import numpy as np
import pytest

import lpt
from lpt.errors import DataError, ParameterError, RunError

from ..tiny import SETTINGS, write_backbone, write_photos

# Some images of `half` have the bytes of training images.
pytestmark = pytest.mark.filterwarnings("ignore:.*the task was trained on:UserWarning")

UNTRAINED = {**SETTINGS, "phase1.epochs": 0, "phase2.epochs": 0}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("home")
    vit, photos = write_backbone(root / "vit.safetensors"), write_photos(root / "photos")
    write_photos(root / "half", {"cat": 6, "ant": 4})
    lpt.train(photos, backbone=vit, out=root / "run", settings=UNTRAINED, device="cpu")
    return root


@pytest.fixture(scope="module")
def task(home: Path) -> lpt.Task:
    return lpt.load(home / "run", device="cpu")


def test_without_data_it_is_the_runs_own_test_images(home, task):
    own = lpt.evaluate(task)
    assert own.summary() == task.result.metrics["phase1"]["test"]
    assert lpt.evaluate(str(home / "run"), device="cpu").summary() == own.summary()
    assert lpt.evaluate(task, home / "photos").summary() == own.summary()


def test_a_path_an_opened_data_set_and_a_dict_of_them_score_alike(home, task):
    path = lpt.evaluate(task, home / "half")
    assert [score.name for score in path.class_scores] == ["ant", "cat"]
    several = lpt.evaluate(task, {"a": home / "half", "b": str(home / "half")}, batch_size=3)
    assert [several["a"], several["b"]] == [path, path]
    opened = lpt.open_data(home / "photos")
    manifest = lpt.evaluate(task, opened)
    assert manifest.overall == lpt.evaluate(task).overall
    assert task.evaluate(opened.split("test")) == lpt.evaluate(task, opened.split("test"))


def test_images_that_were_trained_on_are_a_warning(home, task):
    with pytest.warns(UserWarning, match=r"^half: the task was trained on \d+ of its 10 images"):
        lpt.evaluate(task, {"half": home / "half"})


def test_a_dict_of_one_gives_a_dict(home, task):
    assert list(lpt.evaluate(task, {"half": home / "half"})) == ["half"]


def test_a_folder_of_corruptions_gives_a_dict(home, task, tmp_path):
    for severity in ("1", "2"):
        write_photos(tmp_path / "c" / "fog" / severity, {"ant": 2, "dog": 1})
    scores = lpt.evaluate(task, tmp_path / "c")
    assert [name.rpartition(" ")[2] for name in scores] == ["fog-1", "fog-2"]


def test_a_task_file_without_its_run_needs_data(home, task, tmp_path):
    alone = tmp_path / "birds.safetensors"
    alone.write_bytes((home / "run" / "task.safetensors").read_bytes())
    with pytest.raises(RunError, match=r"birds\.safetensors: a task file does not say where"):
        lpt.evaluate(lpt.load(alone, backbone=task.spec.backbone.name, device="cpu"))
    with pytest.raises(RunError, match="a task file does not say where"):
        lpt.evaluate(lpt.Task(task.model, task.spec))
    loaded = lpt.load(alone, backbone=task.spec.backbone.name, device="cpu")
    assert np.isfinite(lpt.evaluate(loaded, home / "half").overall)
    named = lpt.evaluate(alone, home / "half", backbone=task.spec.backbone.name, device="cpu")
    assert named == lpt.evaluate(loaded, home / "half")


@pytest.mark.parametrize(
    ("arguments", "options", "kind", "said"),
    [
        (([1],), {}, ParameterError, "data: list given"),
        (("nowhere",), {}, DataError, "nowhere: no such folder"),
        (("half",), {"batch_size": 0}, ParameterError, "batch_size 0"),
        (("half",), {"device": "cpu"}, ParameterError, "device: the task has one"),
        (("half",), {"backbone": "vit"}, ParameterError, "backbone: the task has one"),
    ],
)
def test_wrong_arguments_are_named(arguments, options, kind, said, task, home, monkeypatch):
    monkeypatch.chdir(home)
    with pytest.raises(kind, match=said):
        lpt.evaluate(task, *arguments, **options)


def test_a_path_of_another_type_is_named():
    with pytest.raises(ParameterError, match="path: int given"):
        lpt.evaluate(3)


def test_progress_is_shown_if_asked_for(home, task, monkeypatch):
    seen = []
    monkeypatch.setattr("lpt.reporters.PlainReporter.begin", lambda *a, **k: seen.append(a[1]))
    lpt.evaluate(task, {"half": home / "half"})
    assert seen == []
    lpt.evaluate(task, {"half": home / "half"}, verbose=True)
    assert seen == ["half"]
