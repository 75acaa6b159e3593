"""A task on its own test images and on other sets."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

import lpt
from lpt.data.sources.shifted_sets import open_shifted
from lpt.progress import SilentReporter
from lpt.records import Predictions
from lpt.shift import score_sets as shift
from lpt.shift.score_sets import score_sets
from lpt.task import Task

from ..tiny import SETTINGS, write_backbone, write_photos


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("home")
    vit, photos = write_backbone(root / "vit.safetensors"), write_photos(root / "photos")
    write_photos(root / "half", {"cat": 6, "ant": 4})
    settings = {**SETTINGS, "phase1.epochs": 0, "phase2.epochs": 0}
    lpt.train(photos, backbone=vit, out=root / "run", settings=settings, device="cpu")
    return root


def test_corruptions_reach_the_model(home, monkeypatch):
    monkeypatch.chdir(home)
    seen = {}
    run = Task.run

    def spy(task: Task, split: object, **options: object) -> Predictions:
        found = run(task, split, **options)
        seen[len(seen)] = found.logits
        return found

    monkeypatch.setattr(Task, "run", spy)
    scores = score_sets("run", Task.load("run", device="cpu"), corruptions=True)
    assert len(scores) == len(seen) == 21
    # At 16 pixels the mildest blur is none; everything else changes what the model says.
    assert len({logits.tobytes() for logits in seen.values()}) >= 20
    assert all(score.source == scores[0].metrics.overall for score in scores[1:])


def test_the_border_of_objectnet_is_taken_off(home, monkeypatch):
    monkeypatch.chdir(home)
    task = Task.load("run", device="cpu")
    found = open_shifted("half", "half", task.spec.class_names)
    borders = []
    view = Task.transform_with
    monkeypatch.setattr(
        Task,
        "transform_with",
        lambda self, **options: borders.append(options.get("border")) or view(self, **options),
    )
    bordered = (replace(found[0], border=2),)
    monkeypatch.setattr(shift, "open_sets", lambda *_: bordered)
    score_sets("run", task, {"objects": "half"})
    assert 2 in borders


def test_the_source_is_scored_only_if_it_is_needed(home, monkeypatch):
    monkeypatch.chdir(home)
    task = Task.load("run", device="cpu")
    with_source = score_sets("run", task, {"half": "half"})
    without = score_sets("run", task, {"half": "half"}, with_source=False)
    assert [score.name for score in with_source] == ["test", "half"]
    assert [score.name for score in without] == ["half"]
    assert without[0].metrics == with_source[1].metrics
    (own,) = score_sets("run", task, {"photos": "photos"}, with_source=False)
    assert own.metrics == with_source[0].metrics


def test_the_drop_is_what_the_source_loses():
    score = shift.SetScore("x", SimpleNamespace(overall=0.25), 0.25, source=0.75)
    assert score.drop == 0.5
    assert replace(score, source=None).drop is None


def test_sets_are_scored_under_the_frequencies_asked_for(home, monkeypatch):
    monkeypatch.chdir(home)
    task = Task.load("run", device="cpu")
    (score,) = score_sets("run", task, {"half": "half"}, with_source=False, prior={"cat": 1})
    assert [one.name for one in score.metrics.class_scores if one.correct] == ["cat"]
    assert score.metrics.overall == pytest.approx(6 / 10)


def test_predictions_are_kept_without_the_frequencies(home, monkeypatch):
    monkeypatch.chdir(home)
    task = Task.load("run", device="cpu")

    def overall(**options: object) -> float:
        return score_sets("run", task, keep=True, **options)[0].metrics.overall

    plain = overall(again=True)
    changed = overall(prior={"dog": 1})
    assert changed == overall(prior={"dog": 1}, again=True)
    assert overall() == plain != changed


def test_an_estimate_of_the_frequencies_is_reported_with_its_doubt(home, monkeypatch):
    monkeypatch.chdir(home)
    said: list[str] = []

    class Said(SilentReporter):
        def message(self, text: str) -> None:
            said.append(text)

    task = Task.load("run", device="cpu")
    score_sets("run", task, {"half": "half"}, reporter=Said(), prior="estimate")
    (line,) = [text for text in said if text.startswith("prior     half")]
    assert "10 images for 4 classes are few" in line
