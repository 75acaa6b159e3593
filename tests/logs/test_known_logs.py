"""Logs by name: known, installed, opened; and in a training."""

from importlib.util import find_spec

import pytest

from lpt import train
from lpt.errors import ConfigError, RunError
from lpt.logs import LOGS, LogKind, LogReporter, check_log, known_logs, register_log, with_log
from lpt.progress import SilentReporter

from ..tiny import SETTINGS, write_backbone, write_photos
from .test_log_sink import Memory


def test_without_a_log_the_reporter_is_unchanged(tmp_path):
    silent = SilentReporter()
    assert with_log(silent, None, tmp_path, {}) is silent


def test_unknown_names_and_missing_packages_are_refused_with_the_remedy(monkeypatch):
    with pytest.raises(ConfigError, match=r"^log tensorbord: unknown"):
        check_log("tensorbord")
    with pytest.raises(ConfigError, match=r"^log : unknown"):
        check_log("tensorboard," if find_spec("tensorboard") else ",")
    monkeypatch.setattr(known_logs, "find_spec", lambda _: None)
    for name in ("tensorboard", "mlflow", "wandb", "trackio"):
        with pytest.raises(ConfigError, match=rf"pip install 'lpt\[{name}\]'"):
            check_log(name)


@pytest.fixture
def memory():
    """A log registered as "memory", and its sinks and facts in the order they were opened."""
    opened = []

    def open_(facts):
        opened.append((facts, Memory()))
        return opened[-1][1]

    register_log("memory", LogKind("Memory", "json", "nothing", open_))
    yield opened
    LOGS.unregister("memory")


def test_a_log_that_cannot_be_opened_is_named(tmp_path):
    def fail(facts):
        raise OSError("not logged in")

    register_log("broken", LogKind("Broken", "json", "nothing", fail))
    try:
        with pytest.raises(RunError, match=r"^log broken: cannot be opened \(not logged in\)"):
            with_log(SilentReporter(), "broken", tmp_path, {})
    finally:
        LOGS.unregister("broken")


def test_a_training_keeps_settings_epochs_and_scores(memory, tmp_path):
    settings = {**SETTINGS, "phase1.epochs": 2, "phase2.epochs": 1, "checkpoint_seconds": 60}
    given = {"backbone": write_backbone(tmp_path / "vit.safetensors"), "device": "cpu"}
    photos = write_photos(tmp_path / "photos")
    task = train(photos, out=tmp_path / "run", settings=settings, log="memory,memory", **given)
    ((facts, sink),) = memory
    assert facts.folder == tmp_path / "run"
    assert facts.settings["phase1.epochs"] == "2"
    *epochs, final, failed = sink.calls
    assert [epoch for epoch, _ in epochs] == [1, 2, 1]
    assert failed is False
    assert final["final/phase2/test/few"] == task.result.metrics["phase2"]["test"]["few"]


def test_a_training_that_fails_ends_its_record_as_failed(memory, tmp_path):
    class Stop(SilentReporter):
        def epoch(self, record):
            raise KeyboardInterrupt

    given = {"backbone": write_backbone(tmp_path / "vit.safetensors"), "device": "cpu"}
    given["settings"] = {**SETTINGS, "checkpoint_seconds": 60}
    photos = write_photos(tmp_path / "photos")
    with pytest.raises(KeyboardInterrupt):
        train(photos, out=tmp_path / "run", log="memory", reporter=Stop(), **given)
    ((_, sink),) = memory
    assert sink.calls[-1] is True
    assert isinstance(with_log(SilentReporter(), "memory", tmp_path, {}), LogReporter)
