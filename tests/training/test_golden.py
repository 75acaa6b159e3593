"""Files written by lpt 0.1.0 still load, resume and predict (tests/golden/v0_1/README.md)."""

import json
import shutil
import warnings
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import lpt
from lpt.config import load_config
from lpt.config.old_names import RUN_SETTINGS
from lpt.deprecation import RenamedWarning
from lpt.errors import TaskFileError
from lpt.task import Task
from lpt.training.run.run_folder import RunFolder, read_metrics

GOLDEN = Path(__file__).parents[1] / "golden" / "v0_1"
TOLERANCE = 1e-3
"""The files may come from another machine, whose floating-point sums differ in the last bits."""


def assert_predicts_as_recorded(task: Task) -> None:
    """Compare predictions with predictions.json: the same matches, probabilities within 1e-3."""
    recorded = json.loads((GOLDEN / "predictions.json").read_text(encoding="utf-8"))
    paths = sorted((GOLDEN / "images").iterdir())
    assert [path.name for path in paths] == sorted(recorded)
    for path, prediction in zip(paths, task.predict(paths, top=10), strict=True):
        expected = recorded[path.name]
        assert list(prediction.matched) == expected["matched"]
        found = dict(zip(prediction.labels, prediction.probabilities, strict=True))
        wanted = dict(zip(expected["labels"], expected["probabilities"], strict=True))
        assert found == pytest.approx(wanted, abs=TOLERANCE)


def test_a_finished_run_opens_without_a_warning_and_with_new_names() -> None:
    folder = RunFolder(GOLDEN / "run")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        config = folder.read_config()
    assert config.phase1.batch_size == config.phase2.batch_size == 16
    assert config.phase1.optim.lr == 0.02
    assert config.phase1.optim.classifier_lr == 0.006
    assert config.phase2.optim.key_lr == 0.02
    assert config.phase2.dual_sampler == "square-root"
    assert config.prompts.top_k == 2
    assert config.classifier.mean_weight == 0.25
    assert [(r["stage"], r["epoch"]) for r in read_metrics(folder.path)] == [
        ("phase1", 0),
        ("phase2", 0),
        ("phase2", 1),
    ]


def test_a_recipe_with_old_names_gives_one_warning_per_name() -> None:
    with pytest.warns(RenamedWarning) as caught:
        config = load_config(GOLDEN / "run" / "config.yaml")
    before = {
        "feature": "own",
        "classifier.passes": "second",
    }  # a run keeps what its lpt read; a recipe has today's default
    assert config.changed(before) == RunFolder(GOLDEN / "run").read_config()
    named = sorted(str(warning.message).split()[1] for warning in caught)
    assert named == sorted(RUN_SETTINGS)


def test_a_task_file_predicts_as_recorded() -> None:
    assert_predicts_as_recorded(lpt.load(GOLDEN / "run", device="cpu"))


def test_a_task_on_older_bundled_weights_is_refused_with_the_way_to_use_it(tmp_path: Path) -> None:
    with safe_open(GOLDEN / "run" / "task.safetensors", "pt") as file:
        metadata = dict(file.metadata())
    spec = json.loads(metadata["spec"])
    spec["backbone"]["sha256"] = "b563db1cb2af" + 52 * "0"
    tensors = load_file(GOLDEN / "run" / "task.safetensors")
    save_file(tensors, tmp_path / "old.safetensors", {**metadata, "spec": json.dumps(spec)})
    with pytest.raises(TaskFileError, match=r"weights b563db1cb2af.* Another version of lpt"):
        lpt.load(tmp_path / "old.safetensors")


@pytest.mark.slow
def test_an_interrupted_run_resumes_and_ends_like_the_finished_one(tmp_path: Path) -> None:
    shutil.copytree(GOLDEN / "interrupted", tmp_path / "run")
    task = lpt.train("digits", out=tmp_path / "run", resume=True, device="cpu")
    found = load_file(tmp_path / "run" / "task.safetensors")
    expected = load_file(GOLDEN / "run" / "task.safetensors")
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, atol=TOLERANCE, rtol=0, msg=name)
    assert_predicts_as_recorded(task)
    records = json.loads((GOLDEN / "run" / "results.json").read_text(encoding="utf-8"))
    results = json.loads((tmp_path / "run" / "results.json").read_text(encoding="utf-8"))
    assert results.keys() == records.keys()
    assert results["prompt_parameters"] == records["prompt_parameters"]
    assert results["other_parameters"] == records["other_parameters"]
    scores = 2048  # of validation images, which tasks of 0.1.0 did not hold
    assert records["task_bytes"] <= results["task_bytes"] <= records["task_bytes"] + scores
