"""What runs and task files record is read without backbone and data, also half-way."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from lpt import LptError
from lpt.api.run_info import read_info, render_info
from lpt.export import export_shared, export_task
from lpt.task_records import EarlyRecord

RUN = Path(__file__).parents[1] / "golden" / "v0_1" / "run"


@pytest.fixture
def no_backbone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail if a backbone is loaded or data opened."""

    def refuse(*arguments: object, **options: object) -> None:
        raise AssertionError("opened")

    for name in ("lpt.task_file.load_backbone", "lpt.training.run.run_data.open_data"):
        monkeypatch.setattr(name, refuse)


@pytest.mark.usefixtures("no_backbone")
def test_a_finished_run_shows_classes_backbone_sizes_scores_and_history():
    info = read_info(RUN)
    assert info.finished
    assert info.task is not None
    text = render_info(info)
    for shown in (info.task.backbone.name, "MB", "accuracy in %", "epoch 1/", "recipe"):
        assert shown in text
    for name in info.task.class_names:
        assert name in text
    assert len(info.history) == len((RUN / "metrics.jsonl").read_text().splitlines())
    assert json.loads(json.dumps(info.to_json()))["task"]["name"] == info.task.name


@pytest.mark.usefixtures("no_backbone")
def test_adapters_are_shown_where_there_are_any():
    info = read_info(RUN)
    assert "\nadapters " not in render_info(info)
    adapted = info.task.model_copy(update={"adapter_width": 4})
    text = render_info(replace(info, task=adapted))
    assert "adapters   4 neurons beside the MLP of each block" in text


@pytest.mark.usefixtures("no_backbone")
@pytest.mark.parametrize(("passes", "shown"), [("both", True), ("second", False)])
def test_a_classifier_that_reads_both_passes_is_named(passes, shown):
    info = read_info(RUN)
    task = info.task.model_copy(update={"classifier_passes": passes})
    assert (
        "reads      the features of both passes" in render_info(replace(info, task=task))
    ) is shown


@pytest.mark.usefixtures("no_backbone")
def test_early_matching_is_shown_where_there_is_any():
    info = read_info(RUN)
    assert "\nmatching " not in render_info(info)
    early = EarlyRecord(
        margin=0.1, images=40, agreement=0.8, auto_agreement=0.95, auto_queries=0.25
    )
    able = info.task.model_copy(update={"early": early, "match": "auto"})
    said = "matching   auto; the prompts of the query: early 80.0 %, auto 95.0 % of 40 training"
    assert said in render_info(replace(info, task=able))


@pytest.mark.usefixtures("no_backbone")
def test_a_task_file_on_its_own_is_enough(tmp_path):
    alone = shutil.copy(RUN / "task.safetensors", tmp_path / "mine.safetensors")
    info = read_info(alone)
    assert (info.settings, info.result, info.history) == (None, None, ())
    assert "accuracy in %" in render_info(info)
    assert read_info(RUN / "task.safetensors").task == info.task


@pytest.mark.usefixtures("no_backbone")
def test_an_unfinished_run_shows_its_epochs_so_far(tmp_path):
    shutil.copytree(RUN, tmp_path / "run")
    for name in ("task.safetensors", "results.json"):
        (tmp_path / "run" / name).unlink()
    info = read_info(tmp_path / "run")
    assert not info.finished
    assert info.file_bytes is None
    text = render_info(info)
    assert "unfinished run" in text
    assert "epoch 1/" in text


def test_many_classes_are_shown_by_their_most_frequent_and_rarest():
    info = read_info(RUN)
    assert info.task is not None
    text = render_info(info, classes=4)
    assert "the 2 most frequent and the 2 rarest" in text
    assert (
        sum(
            line.startswith("   ") and line.split()[0].isdigit()
            for line in text.split("training images (")[1].splitlines()
        )
        == 4
    )


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(LptError, match="holds neither a run nor a task file"):
        read_info(tmp_path)
    with pytest.raises(LptError, match="no such file"):
        read_info(tmp_path / "none")


def test_an_export_shows_its_task_and_how_it_was_compared(tmp_path, request):
    path = export_task(RUN, tmp_path / "digits.onnx", dtype="int8").path
    request.getfixturevalue("no_backbone")
    info = read_info(path)
    assert info.task is not None
    assert info.task.class_names == read_info(RUN).task.class_names
    assert info.export.dtype == "int8"
    assert json.loads(json.dumps(info.to_json()))["export"]["form"] == "task"
    text = render_info(info)
    for shown in ("ONNX, int8", "validation images: logits within", "of the task", "in %"):
        assert shown in text


def test_a_shared_graph_shows_no_classes_and_its_tasks_do(tmp_path):
    task = export_shared(RUN, tmp_path / "served").path
    (graph,) = (tmp_path / "served").glob("*.onnx")
    text = render_info(read_info(graph))
    assert "graph that exported tasks share" in text
    assert "ONNX, float32" in text
    assert "training images" not in text
    assert "10 classes, training images" in render_info(read_info(task))
