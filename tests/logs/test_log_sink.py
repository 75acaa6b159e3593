"""What a log receives, and what happens when it fails."""

import pytest

from lpt.errors import RunError
from lpt.logs import LogReporter, RunFacts
from lpt.progress import SilentReporter

from .conftest import FINAL, record


class Memory:
    def __init__(self):
        self.calls = []

    def epoch(self, epoch, numbers):
        self.calls.append((epoch, dict(numbers)))

    def finish(self, numbers):
        self.calls.append(dict(numbers))

    def close(self, failed):
        self.calls.append(failed)


class Said(SilentReporter):
    def __init__(self):
        self.texts, self.epochs = [], 0

    def message(self, text):
        self.texts.append(text)

    def epoch(self, record):
        self.epochs += 1


def test_a_log_receives_numbers_only_under_the_name_of_the_stage():
    first, second, said = Memory(), Memory(), Said()
    reporter = LogReporter(LogReporter(said, "one", first), "two", second)
    reporter.epoch(record(0))
    reporter.finish(FINAL)
    reporter.close(False)
    numbers = {"phase1/loss": 2.0, "phase1/val/overall": 0.5, "phase1/val/few": 0.125}
    wanted = [(1, numbers), {"final/phase2/test/few": 0.25}, False]
    assert first.calls == second.calls == wanted
    assert said.epochs == 1


@pytest.mark.parametrize("method", ["epoch", "finish", "close"])
def test_a_log_that_fails_is_given_up_and_training_is_not(method):
    class Broken(Memory):
        pass

    def fail(self, *_):
        raise OSError("server\nis gone")

    setattr(Broken, method, fail)
    said, sink = Said(), Broken()
    reporter = LogReporter(said, "mine", sink)
    reporter.epoch(record(0))
    reporter.epoch(record(1))
    reporter.finish(FINAL)
    reporter.close(False)
    assert said.texts == ["warning   log mine failed and is given up: server is gone"]
    assert said.epochs == 2


def test_ids_of_a_run_are_kept_in_its_folder(tmp_path):
    facts = RunFacts(tmp_path, {})
    assert facts.recorded_id("wandb") is None
    facts.record_id("wandb", "a b/c")
    facts.record_id("mlflow", "5")
    assert (facts.recorded_id("wandb"), facts.recorded_id("mlflow")) == ("a b/c", "5")
    (tmp_path / "logs.json").write_text('{"wandb": 5}')
    with pytest.raises(RunError, match=r"logs\.json"):
        facts.recorded_id("wandb")


def test_an_id_from_elsewhere_continues_no_record_of_this_user(tmp_path, monkeypatch):
    facts = RunFacts(tmp_path, {})
    monkeypatch.setenv("LPT_KEY", str(tmp_path / "sender"))
    facts.record_id("mlflow", "5")
    monkeypatch.setenv("LPT_KEY", str(tmp_path / "receiver"))
    with pytest.raises(RunError, match=r"logs\.json: the id of mlflow was not written on this"):
        facts.recorded_id("mlflow")
    assert facts.recorded_id("wandb") is None
