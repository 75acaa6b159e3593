"""A study trains every run once, whatever happens, and its table has the measurements."""

import json
import multiprocessing
import random
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors.torch import load_file

from lpt.errors import ConfigError, DataError, TrainingError
from lpt.progress import SilentReporter
from lpt.studies.define.lr_grid import LearningRate
from lpt.studies.define.overrides import Overrides
from lpt.studies.run import runner
from lpt.studies.run.train_run import train_run
from lpt.studies.run_study import Request, run_study
from lpt.studies.table.study_table import StudyTable

from ..tiny import write_backbone

PROBE, BOTH = "no prompt, cross-entropy, balanced", "both phases"
ALONE = "phase 1 of the recipe"


class Recorder(SilentReporter):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def message(self, text: str) -> None:
        self.lines.append(text)


def study_of(request: Request) -> StudyTable:
    return run_study(request, SilentReporter())


def log(request: Request) -> list[tuple[str, str]]:
    text = (request.out / "runs" / "log.jsonl").read_text()
    return [(json.loads(line)["run"], json.loads(line)["event"]) for line in text.splitlines()]


def scores(table: StudyTable) -> dict[str, dict[str, float]]:
    return {row.label: {n: s.mean for n, s in row.scores.items()} for row in table.rows}


@pytest.mark.slow
def test_finished_runs_are_never_trained_again(ask):
    request = ask("phases", PROBE, ALONE, BOTH)
    first = study_of(request)
    began = log(request)
    assert Counter(event for _, event in began) == {"began": 3, "finished": 3}
    assert scores(study_of(request)) == scores(first)
    assert log(request) == began
    more = study_of(replace(request, seeds=2))
    assert Counter(event for _, event in log(request))["finished"] == 6
    assert all(row.seeds == 2 for row in more.rows)


@pytest.mark.slow
def test_studies_share_runs(ask):
    study_of(ask("phases", BOTH))
    request = ask("pool", "M = 5")
    study_of(request)
    assert Counter(event for _, event in log(request))["finished"] == 3  # phase 1 once


@pytest.mark.slow
def test_phase_2_from_a_finished_phase_1_equals_training_both(ask, monkeypatch):
    """Bit for bit."""
    shared = ask("phases", BOTH)
    study_of(shared)
    alone = ask("phases", BOTH, out=shared.out.parent / "other")
    monkeypatch.setattr(runner, "train_run", lambda r, c, f, start: train_run(r, c, f, None))
    study_of(alone)
    (name,) = {run for run, _ in log(shared)} & {
        path.parent.name
        for path in (shared.out / "runs").glob("*/task.safetensors")
        if "group_prompts" in load_file(path)
    }
    one, two = (load_file(r.out / "runs" / name / "task.safetensors") for r in (shared, alone))
    assert one.keys() == two.keys()
    assert all(bool((one[key] == two[key]).all()) for key in one)


def test_a_finished_run_keeps_its_task_file_and_no_checkpoints(ask):
    request = ask("phases", BOTH)
    study_of(request)
    for run in {run for run, _ in log(request)}:
        kept = {path.name for path in (request.out / "runs" / run).iterdir()}
        assert kept == {"run.json", "result.json", "predictions.safetensors", "task.safetensors"}


@pytest.mark.slow
def test_a_run_that_diverges_is_reported_and_the_others_are_trained(ask, monkeypatch):
    def diverge(run, *others):
        if run.line.row.method == "linear-probe":
            raise TrainingError("linear-probe: loss is not finite.\nLower the learning rate.")
        return train_run(run, *others)

    monkeypatch.setattr(runner, "train_run", diverge)
    request = ask("phases", PROBE, ALONE)
    table = study_of(request)
    assert [bool(row.failed) for row in table.rows] == [True, False]
    assert table.rows[0].scores == {}
    assert "loss is not finite" in (request.out / "phases.md").read_text()
    before = log(request)
    study_of(request)
    assert log(request) == before  # it would fail again
    monkeypatch.undo()
    assert not study_of(replace(request, retry=True)).rows[0].failed


def test_phase_2_fails_where_phase_1_failed(ask):
    request = ask("phases", BOTH, lrs=(LearningRate(1e30),))
    table = study_of(request)
    assert table.rows[0].failed.startswith("phase 1: ")


@pytest.mark.slow
def test_the_learning_rate_is_selected_on_images_held_out_of_training(ask, photos):
    """30, 12, 6 and 3 images: 10 % of each class with 10 or more of the training images."""
    request = ask("phases", PROBE, lrs=(LearningRate(1.0), LearningRate(3.0)))
    recorder = Recorder()
    (row,) = run_study(request, recorder).rows
    results = [
        json.loads(path.read_text()) for path in (request.out / "runs").glob("*/result.json")
    ]
    chosen = [r for r in results if not r["features"]]
    final = [r for r in results if r["features"]]
    assert (len(chosen), len(final)) == (2, 1)
    images = {r["facts"]["data"]["scored images"] for r in chosen}
    assert len(images) == 1
    assert images != {final[0]["facts"]["data"]["scored images"]}
    macro = {r["facts"]["baseline"]["learning rate"]: r["scores"]["macro"] for r in chosen}
    best = min(lr for lr, score in macro.items() if score == max(macro.values()))
    assert (
        final[0]["facts"]["baseline"]["learning rate"] == best
    )  # ties: the first, which is the lower
    assert row.lr in ("x1", "x3")
    assert sum(line.startswith("run ") for line in recorder.lines) == 3
    assert "3 of 3 runs done" in recorder.lines[-1]


@pytest.mark.slow
def test_features_and_cost_are_measured(ask):
    table = study_of(ask("features", "plain backbone", BOTH))
    plain, both = table.rows
    for row in (plain, both):
        assert row.features["gamma"].mean == pytest.approx(
            row.features["inner"].mean / row.features["inter"].mean
        )
        assert 0 <= row.features["knn"].mean <= 1
    assert (plain.parameters, plain.epochs) == (0, ())
    (made,) = both.made_with
    assert made.startswith("lpt ")
    assert made.split(", ")[-2] == "cpu"
    assert made.split(", ")[-1] in ("float32", "bf16")
    assert both.parameters > 0
    assert both.peak_memory_bytes > 0
    assert both.seconds.mean > 0


@pytest.mark.slow
def test_corruptions_replace_missing_shifted_sets(ask, photos):
    (row,) = study_of(ask("shift", "linear probe (balanced)")).rows
    assert {"noise-3", "blur-3", "contrast-3", "jpeg-3"} <= row.scores.keys()
    (row,) = study_of(ask("shift", "linear probe (balanced)", shifted={"twin": str(photos)})).rows
    assert "twin" in row.scores
    assert "noise-3" not in row.scores


@pytest.mark.slow
@pytest.mark.parametrize("name", ["joint", "query"])
def test_ablations_of_the_method_are_trained(ask, name):
    table = study_of(ask(name))
    assert not any(row.failed for row in table.rows)
    assert all("overall" in row.scores for row in table.rows)


@pytest.mark.slow
def test_every_method_can_be_initialized_uniformly_and_scored_with_tta(ask):
    request = ask("phases", PROBE, ALONE)
    changed = replace(request.overrides, init="uniform", tta=True)
    table = study_of(replace(request, overrides=changed))
    assert not any(row.failed for row in table.rows)
    facts = [json.loads(path.read_text()) for path in (request.out / "runs").glob("*/run.json")]
    assert all(fact["test-time augmentation"] for fact in facts)
    rows = {row.label: row for row in table.rows}
    assert set(rows[PROBE].tta) == set(rows[PROBE].scores)
    assert set(rows[ALONE].tta_difference) == set(rows[ALONE].difference)


@pytest.mark.slow
def test_each_backbone_has_its_own_reference(ask, vit, tmp_path):
    other = write_backbone(tmp_path / "other.safetensors", seed=1)
    table = study_of(ask("phases", PROBE, ALONE, backbones=(str(vit), str(other))))
    compared = [bool(row.difference) for row in table.rows]
    assert compared == [False, True, False, True]


@pytest.mark.slow
def test_shifted_sets_have_differences_too(ask, photos):
    table = study_of(
        ask("shift", "linear probe (balanced)", "VPT-deep", shifted={"same": str(photos)})
    )
    difference = table.rows[1].difference["same"]
    found = table.rows[1].scores["same"].mean - table.rows[0].scores["same"].mean
    assert difference.mean == pytest.approx(found)
    assert difference.low <= difference.mean <= difference.high


def test_the_table_of_another_request_is_kept(ask):
    plain = ask("features", "plain backbone")
    study_of(plain)
    first = (plain.out / "features.md").read_text()
    study_of(plain)
    assert not (plain.out / "features.1.md").exists()
    settings = {**plain.overrides.settings, "augment.resize_ratio": 1.2}
    study_of(replace(plain, overrides=replace(plain.overrides, settings=settings)))
    assert (plain.out / "features.1.md").read_text() == first
    assert "augment.resize_ratio=1.2" in (plain.out / "features.md").read_text()
    study_of(plain)  # both keep their numbers
    study_of(replace(plain, overrides=replace(plain.overrides, settings=settings)))
    assert (plain.out / "features.1.md").read_text() == first
    assert not (plain.out / "features.3.md").exists()


def test_fewer_seeds_do_not_replace_the_table_of_more(ask):
    one = ask("features", "plain backbone")
    study_of(replace(one, seeds=2))
    two = (one.out / "features.md").read_text()
    study_of(one)
    assert (one.out / "features.1.md").read_text() == two
    assert "seed 0;" in (one.out / "features.md").read_text()
    study_of(replace(one, seeds=2))
    assert not (one.out / "features.3.md").exists()


@pytest.mark.slow
def test_a_table_names_the_recipe_of_a_row_that_has_its_own(ask):
    plain = ask("main", "LPT (paper)", "linear probe")
    settings = {**plain.overrides.settings, "augment.mixup": 0.0}
    table = study_of(replace(plain, overrides=replace(plain.overrides, settings=settings)))
    assert "recipe default; LPT (paper): recipe paper; backbone" in table.notes[-1]


def test_invalid_requests_are_refused_before_anything_is_written(ask, photos):
    for request, message in (
        (ask("phases", "no row"), '--only "no row": not a row of this study'),
        (ask("phases", reference="no row"), '--reference "no row"'),
        (ask("phases", ALONE, reference=BOTH), "--reference both phases: excluded by --only"),
        (ask("multitask"), "--other DATA"),
        (ask("phases", overrides=Overrides(other=str(photos))), "takes no --other"),
        (ask("phases", overrides=Overrides(settings={"baseline.epochs": "ab"})), "epochs='ab'"),
        (
            ask("phases", overrides=Overrides(settings={"baseline.loss": "x"})),
            "--set baseline, for no prompt, cross-entropy, balanced: .*loss",
        ),
        (ask("phases", device="tpu"), "device 'tpu': unknown"),
    ):
        with pytest.raises(ConfigError, match=message):
            study_of(request)
        assert not request.out.exists()
    with pytest.raises(DataError):
        study_of(ask("phases", data=str(photos / "nothing")))
    with pytest.raises(DataError):
        study_of(ask("multitask", overrides=Overrides(other=str(photos / "nothing"))))


@pytest.fixture(scope="module")
def undisturbed() -> dict[str, dict[str, float]]:
    """Scores of all rows of `phases` with two seeds, trained once for the tests below."""
    return {}


@pytest.mark.slow
def test_a_study_that_is_killed_again_and_again_trains_each_run_once(ask, undisturbed, monkeypatch):
    """Real SIGKILLs at random moments, some during training: every run is finished once."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    request = replace(ask("phases"), seeds=2)
    moments = random.Random(0)
    kills = 0
    while True:
        process = _started(request)
        dies = _dies(process, request.out / "runs" / "log.jsonl", moments) if kills < 6 else False
        process.join()
        if not dies:
            break
        kills += 1
    assert process.exitcode == 0
    assert kills >= 4
    events: dict[str, list[str]] = {}
    for run, event in log(request):
        events.setdefault(run, []).append(event)
    names = {path.parent.name for path in (request.out / "runs").glob("*/result.json")}
    assert names == set(events)
    assert len(names) >= 10  # rows may share a run
    for lines in events.values():
        assert lines.count("finished") <= 1
        assert "began" not in lines[lines.index("finished") :] if "finished" in lines else True
    undisturbed.update(undisturbed or scores(study_of(replace(request, out=request.out / "other"))))
    assert scores(study_of(request)) == undisturbed


@pytest.mark.slow
def test_processes_share_the_runs_of_a_study(ask, undisturbed, monkeypatch):
    """Three at once, one of them killed: no run is finished twice, the others have all results."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    request = replace(ask("phases"), seeds=2)
    processes = [_started(request) for _ in range(3)]
    assert _dies(processes[0], request.out / "runs" / "log.jsonl", random.Random(0))
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes[1:]] == [0, 0]
    events = Counter(log(request))
    names = {path.parent.name for path in (request.out / "runs").glob("*/result.json")}
    assert names == {run for run, _ in events}
    assert all(events[name, "finished"] <= 1 for name in names)  # the kill may precede the line
    assert sum(count for (_, event), count in events.items() if event == "began") <= len(names) + 1
    undisturbed.update(undisturbed or scores(study_of(replace(request, out=request.out / "other"))))
    assert scores(study_of(request)) == undisturbed


def _started(request: Request) -> multiprocessing.Process:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["lpt.studies.run_study"])
    process = context.Process(target=run_study, args=(request, SilentReporter()))
    process.start()
    return process


def _dies(process: multiprocessing.Process, file: Path, moments: random.Random) -> bool:
    """Kill a process after it began or finished a run; False if it ended first."""
    before = file.stat().st_size if file.exists() else 0
    lines = moments.randint(1, 3)
    while process.is_alive():
        if file.exists() and file.read_bytes()[before:].count(b"\n") >= lines:
            time.sleep(moments.uniform(0, 0.5))
            if process.is_alive():
                process.kill()
                return True
        time.sleep(0.01)
    return False


@pytest.mark.slow
def test_the_study_of_cost_has_its_figure_and_names_the_fastest_sufficient_row(ask):
    request = ask("cost", "linear probe, 1 epoch", "linear probe, 2 epochs")
    table = study_of(request)
    assert [row.epochs for row in table.rows] == [(1,), (2,)]
    (cost,) = table.costs
    assert f"Best result: {cost.best.label} (" in (request.out / "cost.md").read_text()
    assert "seconds of training" in (request.out / "cost.svg").read_text()
