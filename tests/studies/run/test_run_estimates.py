"""Durations come from finished runs of the same kind, else from a few timed steps."""

from dataclasses import replace

import pytest

from lpt.progress import SilentReporter
from lpt.studies.define.definition import Row
from lpt.studies.define.lr_grid import LearningRate
from lpt.studies.define.overrides import Overrides
from lpt.studies.plan.plan_runs import Line, StudyRun, plan_run
from lpt.studies.plan.run_store import RunResult
from lpt.studies.run.run_estimates import RunEstimates
from lpt.studies.run.run_names import kind_of, title_of

from ..conftest import QUICK


@pytest.fixture
def planned(vit, study_data):
    def plan(method: str, seed: int = 0, epochs: int = 1) -> StudyRun:
        line = Line(Row(label="x", method=method), str(vit), "x")
        overrides = Overrides(epochs=epochs, settings=QUICK)
        lr = LearningRate(1.0)
        return plan_run(line, overrides, study_data, lr=lr, seed=seed, part="final")

    return plan


def test_runs_of_one_kind_differ_in_seed_only(planned):
    assert kind_of(planned("lpt", 0)) == kind_of(planned("lpt", 1))
    assert kind_of(planned("lpt", 0)) != kind_of(planned("linear-probe", 0))
    assert kind_of(planned("lpt", 0)) != kind_of(planned("lpt", 0, epochs=2))
    assert title_of(planned("lpt", 3)) == "x, seed 3"


def test_finished_runs_of_the_kind_decide_without_measuring(planned, study_data, monkeypatch):
    done, left = planned("linear-probe", 0), planned("linear-probe", 1)
    monkeypatch.setattr(study_data, "context", None)
    finished = {done.name: RunResult(done.facts, seconds=90.0)}
    estimates = RunEstimates(study_data, finished, [done, left], SilentReporter())
    assert estimates.seconds(left) == (90.0, False)
    assert estimates.total([left]) == (90.0, False)
    assert estimates.total([left]) == (0, False)  # counted already


def test_phase_1_is_not_counted_twice(planned, study_data):
    run, other = planned("lpt", 0), planned("lpt", 1)
    assert run.start is not None
    finished = {
        run.start.name: RunResult(run.start.facts, seconds=60.0),
        run.name: RunResult(run.facts, seconds=100.0),
    }
    runs = [run.start, run, other.start, other]
    estimates = RunEstimates(study_data, finished, runs, SilentReporter())
    assert estimates.total([other, other.start]) == (40.0 + 60.0, False)


def test_failed_runs_say_nothing_about_time(planned, study_data):
    run = planned("linear-probe")
    finished = {run.name: RunResult(run.facts, failed="diverged")}
    estimates = RunEstimates(study_data, finished, [run], SilentReporter())
    assert estimates.seconds(run)[1]


def test_other_runs_are_measured_once_per_backbone(planned, study_data):
    told = []

    class Messages(SilentReporter):
        def message(self, text: str) -> None:
            told.append(text)

    runs = [planned(method) for method in ("lpt", "linear-probe", "plain")]
    estimates = RunEstimates(study_data, {}, runs, Messages())
    times = {run.line.row.method: estimates.seconds(run) for run in runs}
    assert all(seconds > 0 and measured for seconds, measured in times.values())
    assert len(told) == 1
    more = estimates.seconds(planned("lpt", epochs=20))[0]
    assert more > 2 * times["lpt"][0]


def test_what_cannot_be_measured_has_no_time(planned, study_data):
    run = planned("lpt")
    lost = replace(run, config=run.config.changed({"precision": "float32", "backbone": "nowhere"}))
    estimates = RunEstimates(study_data, {}, [lost], SilentReporter())
    assert estimates.total([lost]) == (None, True)
