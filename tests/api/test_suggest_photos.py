"""Suggestions hold what the task predicts, and leave out what cannot be read."""

import pytest

import lpt
from lpt.api.suggest_photos import suggest_photos
from lpt.errors import DataError, ParameterError
from lpt.progress import SilentReporter

from ..tiny import SETTINGS, write_backbone, write_photos


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    root = tmp_path_factory.mktemp("suggest")
    vit, photos = write_backbone(root / "vit.safetensors"), write_photos(root / "photos")
    settings = {**SETTINGS, "phase1.epochs": 0, "phase2.epochs": 0}
    return lpt.train(photos, backbone=vit, out=root / "run", settings=settings, device="cpu")


@pytest.fixture
def photos(task):
    return sorted((task.path.parent / "photos").rglob("*.png"))


class Lines(SilentReporter):
    def __init__(self):
        self.lines = []

    def message(self, text):
        self.lines.append(text)


def test_each_suggestion_is_a_prediction_of_the_task(task, photos):
    found = suggest_photos(task, photos, 5)
    assert len({one.name for one in found}) == 5
    for one in found:
        (prediction,) = task.predict([one.name])
        assert (one.label, one.probability) == (
            prediction.labels[0],
            pytest.approx(prediction.probabilities[0], abs=1e-4),
        )
        probabilities = dict(zip(prediction.labels, prediction.probabilities, strict=True))
        first, second, *_ = prediction.probabilities
        assert one.margin == pytest.approx(first - second, abs=1e-4)
        few = sum(probabilities[name] for name in ("bee", "cat", "dog"))
        assert one.few_shot == pytest.approx(few, abs=1e-4)
        assert 0 <= one.value <= 1


def test_photos_that_cannot_be_read_are_one_line(task, photos, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"no image")
    reporter = Lines()
    found = suggest_photos(task, [tmp_path / "bad.png", *photos[:3]], 9, reporter=reporter)
    assert len(found) == 3
    (line,) = reporter.lines
    assert line.startswith("left out  1 photo that cannot be read, such as ")
    assert "bad.png" in line
    with pytest.raises(DataError, match=r"bad\.png"):
        suggest_photos(task, [tmp_path / "bad.png"])


def test_what_gives_no_suggestion_is_refused(task, photos):
    with pytest.raises(ParameterError, match="budget"):
        suggest_photos(task, photos, 0)
    with pytest.raises(DataError, match="no photo is given"):
        suggest_photos(task, [])
