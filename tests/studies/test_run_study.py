"""A study trains every cell once, whatever happens, and its table says what was measured."""

import json
import multiprocessing
import random
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors.torch import load_file

from lpt.baselines import train as registry
from lpt.errors import ConfigError, DataError, TrainingError
from lpt.progress import SilentReporter
from lpt.studies.define.lr_grid import LearningRate
from lpt.studies.define.overrides import Conditions
from lpt.studies.run import runner
from lpt.studies.run import train_run as methods
from lpt.studies.run_study import Request, run_study
from lpt.studies.table.study_table import StudyTable

from ..tiny import write_backbone

PROBE, BOTH = "no prompt, cross-entropy, balanced", "both phases"
ALONE = "phase 1 of the recipe"


class Told(SilentReporter):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def message(self, text: str) -> None:
        self.lines.append(text)


def run(request: Request) -> StudyTable:
    return run_study(request, SilentReporter())


def log(request: Request) -> list[tuple[str, str]]:
    text = (request.out / "cells" / "log.jsonl").read_text()
    return [(json.loads(line)["cell"], json.loads(line)["event"]) for line in text.splitlines()]


def scores(table: StudyTable) -> dict[str, dict[str, float]]:
    return {row.label: {n: s.mean for n, s in row.scores.items()} for row in table.rows}


@pytest.mark.slow
def test_finished_cells_are_never_trained_again(ask):
    request = ask("phases", PROBE, ALONE, BOTH)
    first = run(request)
    began = log(request)
    assert Counter(event for _, event in began) == {"began": 3, "finished": 3}
    assert scores(run(request)) == scores(first)
    assert log(request) == began
    more = run(replace(request, seeds=2))
    assert Counter(event for _, event in log(request))["finished"] == 6
    assert all(row.seeds == 2 for row in more.rows)


@pytest.mark.slow
def test_studies_share_cells(ask):
    run(ask("phases", BOTH))
    request = ask("pool", "M = 5")
    run(request)
    assert Counter(event for _, event in log(request))["finished"] == 3  # phase 1 once


@pytest.mark.slow
def test_phase_2_from_a_cell_equals_a_run_of_both_phases(ask, monkeypatch):
    """Bit for bit, seconds included in what both phases took."""
    shared = ask("phases", BOTH)
    run(shared)
    alone = ask("phases", BOTH, out=shared.out.parent / "other")
    own = methods.train_cell
    monkeypatch.setattr(runner, "train_cell", lambda c, b, f, start: own(c, b, f, None))
    run(alone)
    (name,) = {cell for cell, _ in log(shared)} & {
        path.parent.name
        for path in (shared.out / "cells").glob("*/task.safetensors")
        if "group_prompts" in load_file(path)
    }
    one, two = (load_file(r.out / "cells" / name / "task.safetensors") for r in (shared, alone))
    assert one.keys() == two.keys()
    assert all(bool((one[key] == two[key]).all()) for key in one)


def test_a_finished_run_leaves_its_prompt_file_and_no_checkpoints(ask):
    request = ask("phases", BOTH)
    run(request)
    for cell in {cell for cell, _ in log(request)}:
        kept = {path.name for path in (request.out / "cells" / cell).iterdir()}
        assert kept == {"cell.json", "result.json", "answers.safetensors", "task.safetensors"}


@pytest.mark.slow
def test_a_cell_that_diverges_is_told_and_the_rest_goes_on(ask, monkeypatch):
    def diverge(trainer):
        raise TrainingError("linear-probe: loss is not finite.\nLower the rate.")

    baseline = registry._BASELINES["linear-probe"]
    broken = {**registry._BASELINES, "linear-probe": replace(baseline, train=diverge)}
    monkeypatch.setattr(registry, "_BASELINES", broken)
    request = ask("phases", PROBE, ALONE)
    table = run(request)
    assert [bool(row.failed) for row in table.rows] == [True, False]
    assert table.rows[0].scores == {}
    assert "loss is not finite" in (request.out / "phases.md").read_text()
    before = log(request)
    run(request)
    assert log(request) == before  # it would fail again
    monkeypatch.undo()
    assert not run(replace(request, retry=True)).rows[0].failed


def test_phase_2_fails_where_phase_1_failed(ask):
    request = ask("phases", BOTH, lrs=(LearningRate(1e30),))
    table = run(request)
    assert table.rows[0].failed.startswith("phase 1: ")


@pytest.mark.slow
def test_the_rate_is_chosen_on_images_held_out_of_training(ask, photos):
    """30, 12, 6 and 3 images: 10 % of each class with 10 or more of the training images."""
    request = ask("phases", PROBE, lrs=(LearningRate(1.0), LearningRate(3.0)))
    told = Told()
    (row,) = run_study(request, told).rows
    results = [
        json.loads(path.read_text()) for path in (request.out / "cells").glob("*/result.json")
    ]
    chosen = [r for r in results if not r["features"]]
    final = [r for r in results if r["features"]]
    assert (len(chosen), len(final)) == (2, 1)
    images = {r["content"]["data"]["scored images"] for r in chosen}
    assert len(images) == 1
    assert images != {final[0]["content"]["data"]["scored images"]}
    macro = {r["content"]["baseline"]["lr"]: r["scores"]["macro"] for r in chosen}
    best = min(lr for lr, score in macro.items() if score == max(macro.values()))
    assert final[0]["content"]["baseline"]["lr"] == best  # of equals the first, which is the lower
    assert row.lr in ("x1", "x3")
    assert sum(line.startswith("cell ") for line in told.lines) == 3
    assert "3 of 3 cells done" in told.lines[-1]


@pytest.mark.slow
def test_features_and_cost_are_measured(ask):
    table = run(ask("features", "plain backbone", BOTH))
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
def test_corruptions_stand_in_for_shifted_sets(ask, photos):
    (row,) = run(ask("shift", "linear probe (balanced)")).rows
    assert {"noise-3", "blur-3", "contrast-3", "jpeg-3"} <= row.scores.keys()
    (row,) = run(ask("shift", "linear probe (balanced)", shifted={"twin": str(photos)})).rows
    assert "twin" in row.scores
    assert "noise-3" not in row.scores


@pytest.mark.slow
@pytest.mark.parametrize("name", ["joint", "query"])
def test_ablations_of_the_method_are_trained(ask, name):
    table = run(ask(name))
    assert not any(row.failed for row in table.rows)
    assert all("overall" in row.scores for row in table.rows)


@pytest.mark.slow
def test_every_method_can_start_anywhere_and_be_scored_on_crops(ask):
    request = ask("phases", PROBE, ALONE)
    changed = replace(request.conditions, init="uniform", ensemble=True)
    table = run(replace(request, conditions=changed))
    assert not any(row.failed for row in table.rows)
    contents = [
        json.loads(path.read_text()) for path in (request.out / "cells").glob("*/cell.json")
    ]
    assert all(content["ensemble"] for content in contents)
    rows = {row.label: row for row in table.rows}
    assert set(rows[PROBE].ensembled) == set(rows[PROBE].scores)
    assert set(rows[ALONE].ensembled_difference) == set(rows[ALONE].difference)


@pytest.mark.slow
def test_each_backbone_has_a_reference_of_its_own(ask, vit, tmp_path):
    other = write_backbone(tmp_path / "other.safetensors", seed=1)
    table = run(ask("phases", PROBE, ALONE, backbones=(str(vit), str(other))))
    compared = [bool(row.difference) for row in table.rows]
    assert compared == [False, True, False, True]


@pytest.mark.slow
def test_shifted_sets_have_differences_too(ask, photos):
    table = run(ask("shift", "linear probe (balanced)", "VPT-deep", shifted={"same": str(photos)}))
    difference = table.rows[1].difference["same"]
    found = table.rows[1].scores["same"].mean - table.rows[0].scores["same"].mean
    assert difference.mean == pytest.approx(found)
    assert difference.low <= difference.mean <= difference.high


def test_a_table_of_another_request_is_kept(ask):
    plain = ask("features", "plain backbone")
    run(plain)
    first = (plain.out / "features.md").read_text()
    run(plain)
    assert not (plain.out / "features.1.md").exists()
    settings = {**plain.conditions.settings, "augment.resize_ratio": 1.2}
    run(replace(plain, conditions=replace(plain.conditions, settings=settings)))
    assert (plain.out / "features.1.md").read_text() == first
    assert "augment.resize_ratio=1.2" in (plain.out / "features.md").read_text()
    run(plain)  # the numbers of both stay, whoever asks again
    run(replace(plain, conditions=replace(plain.conditions, settings=settings)))
    assert (plain.out / "features.1.md").read_text() == first
    assert not (plain.out / "features.3.md").exists()


def test_fewer_seeds_do_not_replace_the_table_of_more(ask):
    one = ask("features", "plain backbone")
    run(replace(one, seeds=2))
    two = (one.out / "features.md").read_text()
    run(one)
    assert (one.out / "features.1.md").read_text() == two
    assert "seed 0;" in (one.out / "features.md").read_text()
    run(replace(one, seeds=2))
    assert not (one.out / "features.3.md").exists()


@pytest.mark.slow
def test_a_table_names_the_recipe_of_a_row_that_has_its_own(ask):
    plain = ask("main", "LPT (paper)", "linear probe")
    settings = {**plain.conditions.settings, "augment.mixup": 0.0}
    table = run(replace(plain, conditions=replace(plain.conditions, settings=settings)))
    assert "recipe default; LPT (paper): recipe paper; backbone" in table.notes[-1]


def test_what_is_asked_for_wrongly_is_refused_before_anything_is_written(ask, photos):
    for request, message in (
        (ask("phases", "no row"), '--only "no row": no row of this study'),
        (ask("phases", reference="no row"), '--against "no row"'),
        (ask("phases", ALONE, reference=BOTH), "--against both phases: is left out by --only"),
        (ask("multitask"), "--other DATA"),
        (ask("phases", conditions=Conditions(other=str(photos))), "takes no --other"),
        (ask("phases", conditions=Conditions(settings={"baseline.epochs": "ab"})), "epochs=ab"),
        (
            ask("phases", conditions=Conditions(settings={"baseline.loss": "x"})),
            "--set rival, for no prompt, cross-entropy, balanced: loss=x: choose",
        ),
        (ask("phases", device="tpu"), "--device tpu: unknown"),
    ):
        with pytest.raises(ConfigError, match=message):
            run(request)
        assert not request.out.exists()
    with pytest.raises(DataError):
        run(ask("phases", data=str(photos / "nothing")))
    with pytest.raises(DataError):
        run(ask("multitask", conditions=Conditions(other=str(photos / "nothing"))))


@pytest.mark.slow
def test_a_study_that_is_killed_again_and_again_trains_each_cell_once(ask, monkeypatch):
    """Real SIGKILLs at random moments, some within a run: twelve cells, each finished once."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    request = replace(ask("phases"), seeds=2)
    moments = random.Random(0)
    kills = 0
    while True:
        process = _started(request)
        dies = _dies(process, request.out / "cells" / "log.jsonl", moments) if kills < 6 else False
        process.join()
        if not dies:
            break
        kills += 1
    assert process.exitcode == 0
    assert kills >= 4
    events: dict[str, list[str]] = {}
    for cell, event in log(request):
        events.setdefault(cell, []).append(event)
    names = {path.parent.name for path in (request.out / "cells").glob("*/result.json")}
    assert names == set(events)
    assert len(names) >= 10  # twelve cells of the table; rows may be the same training
    for lines in events.values():
        assert lines.count("finished") <= 1
        assert "began" not in lines[lines.index("finished") :] if "finished" in lines else True
    undisturbed = replace(request, out=request.out.parent / "undisturbed")
    assert scores(run(undisturbed)) == scores(run(request))


@pytest.mark.slow
def test_processes_share_the_cells_of_a_study(ask, monkeypatch):
    """Three at once, one killed on the way: no cell is finished twice, the others see all."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    request = replace(ask("phases"), seeds=2)
    processes = [_started(request) for _ in range(3)]
    assert _dies(processes[0], request.out / "cells" / "log.jsonl", random.Random(0))
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes[1:]] == [0, 0]
    events = Counter(log(request))
    names = {path.parent.name for path in (request.out / "cells").glob("*/result.json")}
    assert names == {cell for cell, _ in events}
    assert all(events[name, "finished"] <= 1 for name in names)  # the kill may precede the line
    assert sum(count for (_, event), count in events.items() if event == "began") <= len(names) + 1
    undisturbed = replace(request, out=request.out.parent / "undisturbed")
    assert scores(run(undisturbed)) == scores(run(request))


def _started(request: Request) -> multiprocessing.Process:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["lpt.studies.run_study"])
    process = context.Process(target=run_study, args=(request, SilentReporter()))
    process.start()
    return process


def _dies(process: multiprocessing.Process, file: Path, moments: random.Random) -> bool:
    """Kill it a moment after it has begun or finished a cell; False if it ended by itself."""
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
