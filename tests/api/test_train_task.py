"""Train and load as a library; what cannot work is refused before anything is written."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import lpt
from lpt.api import TrainRequest, finish, prepare
from lpt.config import load_config
from lpt.errors import BackboneError, ConfigError, DataError, LptError, RunError, TrainingError
from lpt.files.atomic_files import write_bytes
from lpt.progress import SilentReporter
from lpt.reporters import PlainReporter
from lpt.training.engine.checkpoint import Checkpoint
from lpt.training.run.run_data import data_of_run
from lpt.training.run.run_folder import RunFolder

from ..tiny import SETTINGS, write_backbone, write_photos

Train = Callable[..., lpt.Task]

QUICK = {**SETTINGS, "checkpoint_seconds": 60, "phase1.epochs": 1, "phase2.epochs": 1}
UNTRAINED = {"phase1.epochs": 0, "phase2.epochs": 0}


@pytest.fixture(scope="module")
def vit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_backbone(tmp_path_factory.mktemp("vit") / "vit.safetensors")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_photos(tmp_path_factory.mktemp("photos") / "photos")


@pytest.fixture
def train(photos: Path, vit: Path, tmp_path: Path) -> Train:
    """`lpt.train` on the tiny task, into `run`."""

    def call(data: str | Path = photos, **changes: Any) -> lpt.Task:
        changes = dict(changes)
        settings = changes.pop("settings", {})
        if isinstance(settings, dict):
            settings = {**QUICK, **settings}
        own = {"backbone": str(vit), "out": tmp_path / "run", "device": "cpu"}
        return lpt.train(data, **{**own, "settings": settings, **changes})

    return call


@pytest.fixture(scope="module")
def trained(photos: Path, vit: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run, for tests that read or copy it."""
    out = tmp_path_factory.mktemp("trained") / "run"
    lpt.train(photos, backbone=str(vit), out=out, settings=QUICK, device="cpu")
    return out


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    """A finished run of the test's own."""
    shutil.copytree(trained, tmp_path / "run")
    return tmp_path / "run"


def resume(tmp_path: Path, photos: Path) -> lpt.Task:
    return lpt.train(photos, out=tmp_path / "run", resume=True, device="cpu")


def test_a_trained_task_predicts_the_same_from_its_folder_and_its_file(trained, photos):
    task = lpt.load(trained, device="cpu")
    pictures = sorted((photos / "ant").iterdir())[:3]
    predicted = task.predict(pictures, top=2)
    assert [p.path for p in predicted] == [str(path) for path in pictures]
    for prediction in predicted:
        assert set(prediction.labels) <= {"ant", "bee", "cat", "dog"}
        assert list(prediction.probabilities) == sorted(prediction.probabilities, reverse=True)
        assert len(prediction.labels) == len(prediction.matched) == 2
    again = lpt.load(trained / "task.safetensors", device="cpu")
    assert again.predict(pictures, top=2) == predicted


def test_the_result_comes_with_the_task_and_with_its_run_folder(train, tmp_path):
    task = train(settings=UNTRAINED)
    assert task.result is not None
    assert task.result.metrics == task.spec.metrics
    assert task.path == tmp_path / "run"
    assert lpt.load(tmp_path / "run").result == task.result
    assert lpt.load(tmp_path / "run" / "task.safetensors").result is None


def test_progress_is_shown_if_asked_for(train, tmp_path, capsys):
    train(settings=UNTRAINED)
    assert capsys.readouterr() == ("", "")
    train(settings=UNTRAINED, out=tmp_path / "shown", verbose=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "4 classes" in err


def test_other_types_are_accepted_where_their_meaning_is_clear(train, tmp_path):
    task = train(
        settings=UNTRAINED,
        budget=600,
        seed=np.int64(3),
        out=str(tmp_path / "other"),
        device=torch.device("cpu"),
    )
    assert task.path == tmp_path / "other"
    assert load_config(tmp_path / "other" / "config.yaml").seed == 3


def test_a_run_folder_holds_what_it_should_and_nothing_unfinished(run):
    kept = {str(path.relative_to(run)) for path in run.rglob("*") if path.is_file()}
    assert kept == {
        ".lock",
        "config.yaml",
        "environment.json",
        "identity.json",
        "metrics.jsonl",
        "origin.json",
        "results.json",
        "task.safetensors",
        *(f"checkpoints/best-{name}.safetensors" for name in ("phase1", "phase2")),
        *(f"checkpoints/best-{name}-selected.safetensors" for name in ("phase1", "phase2")),
        "checkpoints/last.safetensors",
    }
    results = json.loads((run / "results.json").read_text())
    assert results["metrics"].keys() == {"phase1", "phase2"}
    assert results["prompt_parameters"] == 3 * 2 * 16 + 4 * 2 * 2 * 16


@pytest.mark.slow
def test_phase_1_alone_is_a_task(train):
    task = train(settings={"phase2.epochs": 0})
    assert task.spec.phases == 1
    assert task.spec.metrics.keys() == {"phase1"}


def test_no_training_at_all_is_a_task_of_class_means(train):
    task = train(settings=UNTRAINED)
    assert task.spec.phases == 1
    assert task.spec.metrics["phase1"]["test"]["overall"] is not None


@pytest.mark.slow
def test_phase_2_can_follow_an_untrained_phase_1(train):
    assert train(settings={"phase1.epochs": 0}).spec.phases == 2


@pytest.mark.slow
def test_a_batch_larger_than_the_data_and_no_held_out_images_are_fine(train):
    task = train(
        settings={
            "phase1.batch_size": 60,
            "phase2.batch_size": 60,
            "data.val_fraction": 0,
            "data.test_fraction": 0,
        }
    )
    assert task.spec.metrics == {"phase1": {}, "phase2": {}}
    assert task.spec.temperature > 0


@pytest.mark.slow
@pytest.mark.parametrize("selection", ["best", "last"])
def test_the_selected_weights_are_those_of_the_best_or_the_last_epoch(selection, train, tmp_path):
    alone = {"phase1.epochs": 3, "phase2.epochs": 0, "classifier.mean_weight": 0.0}
    train(settings={"selection": selection, **alone})
    run = RunFolder(tmp_path / "run")
    lines = [json.loads(line) for line in run.metrics_file.read_text().splitlines()]
    scores = [line["val"]["macro"] for line in lines if line["stage"] == "phase1"]
    chosen = run.load_best("phase1-selected")
    best = run.load_best("phase1")
    last_is_best = scores[-1] == max(scores)
    same = all(torch.equal(chosen[name], best[name]) for name in chosen)
    assert same == (selection == "best" or last_is_best)


def test_the_first_lines_say_what_will_happen(photos, vit, tmp_path, capsys):
    request = TrainRequest(photos, backbone=vit, out=tmp_path / "run", settings=QUICK, device="cpu")
    trainer = prepare(request, PlainReporter())
    trainer.folder.release()
    said = capsys.readouterr().err
    assert "4 classes" in said
    assert "trainable 352 prompt parameters" in said
    assert "estimate  " in said


REFUSED: dict[str, tuple[dict[str, Any], type[LptError], str]] = {
    "no data": ({"data": "/no/such"}, DataError, "/no/such: no such folder"),
    "unknown setting": ({"settings": {"phase1.foo": 1}}, ConfigError, "phase1.foo: unknown"),
    "unknown recipe": ({"recipe": "papre"}, ConfigError, "recipe 'papre'"),
    "unknown backbone": ({"backbone": "vit_small_path16"}, BackboneError, "vit_small_path16"),
    "unknown loss": ({"settings": {"phase1.loss.name": "x"}}, ConfigError, "'x': unknown"),
    "unknown option": (
        {"settings": {"phase2.loss.options": {"foo": 1}}},
        ConfigError,
        "unknown option 'foo'",
    ),
    "too many matched": ({"settings": {"prompts.top_k": 9}}, ConfigError, "prompts.top_k=9"),
    "too many blocks": ({"settings": {"prompts.shared_blocks": 3}}, ConfigError, "1..2"),
    "impossible size": ({"settings": {"image_size": 17}}, BackboneError, "image_size 17"),
    "short budget": ({"budget": "0.01s"}, ConfigError, "budget .*: too short"),
    "no budget": ({"budget": "soon"}, ConfigError, "budget soon"),
    "negative budget": ({"budget": -1}, ConfigError, "budget -1: give seconds above 0"),
    "endless budget": ({"budget": float("nan")}, ConfigError, "budget nan: give seconds"),
    "large seed": ({"seed": 2**64 + 1}, ConfigError, "seed"),
    "seed of another type": ({"seed": "3"}, ConfigError, "seed '3': give a whole number"),
    "two data sets": ({"data": ["a", "b"]}, ConfigError, "data: list given"),
    "settings as text": ({"settings": "a=b"}, ConfigError, "settings: str given"),
    "unknown device": ({"device": "gpu"}, ConfigError, "device 'gpu': unknown"),
    "number as device": ({"device": 0}, ConfigError, "device: int given"),
    "number as folder": ({"out": 5}, ConfigError, "out: int given"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_work_is_refused_before_anything_is_written(case, train, tmp_path):
    changes, kind, said = REFUSED[case]
    with pytest.raises(kind, match=said) as caught:
        train(**changes)
    assert len(str(caught.value).splitlines()) <= 2
    assert not (tmp_path / "run").exists()


def test_an_empty_class_and_one_class_alone_are_refused(train, photos, tmp_path):
    (tmp_path / "one" / "ant").mkdir(parents=True)
    with pytest.raises(DataError, match="ant: the class folder has no image"):
        train(tmp_path / "one")
    shutil.copy(photos / "ant" / "00.png", tmp_path / "one" / "ant")
    with pytest.raises(DataError, match="one class"):
        train(tmp_path / "one")
    assert not (tmp_path / "run").exists()


def test_a_folder_that_holds_something_is_left_alone(train, tmp_path):
    write_bytes(tmp_path / "run" / "thesis.tex", b"years of work")
    with pytest.raises(RunError, match="run: exists and is not empty"):
        train()
    assert [p.name for p in (tmp_path / "run").iterdir()] == ["thesis.tex"]


def test_a_kill_while_the_folder_is_made_leaves_it_free(train, tmp_path):
    for name in (".lock", "environment.json", "identity.json", ".config.yaml.x.unfinished"):
        write_bytes(tmp_path / "run" / name, b"{")
    train(settings=UNTRAINED)
    assert not (tmp_path / "run" / ".config.yaml.x.unfinished").exists()


def test_a_second_process_in_the_same_folder_is_refused(run, photos, tmp_path):
    first = RunFolder(run)
    first.open()
    with pytest.raises(RunError, match="run: another process is training in this folder"):
        resume(tmp_path, photos)
    first.release()
    resume(tmp_path, photos)


def test_a_refused_resume_does_not_keep_the_folder_locked(run, photos, tmp_path):
    with pytest.raises(ConfigError, match=r"trained on .*photos, and digits is not the same"):
        lpt.train("digits", out=run, resume=True, device="cpu")
    resume(tmp_path, photos)


def test_a_run_begun_with_relative_paths_goes_on_from_any_folder(
    photos, vit, tmp_path, monkeypatch
):
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copytree(photos, home / "photos")
    shutil.copy(vit, home / "vit.safetensors")
    monkeypatch.chdir(home)
    options = {"settings": UNTRAINED, "backbone": "vit.safetensors", "device": "cpu"}
    begun = lpt.train("photos", out="run", **options)
    monkeypatch.chdir(elsewhere)
    again = prepare(TrainRequest(out=home / "run", resume=True, device="cpu"), SilentReporter())
    assert finish(again).spec == begun.spec
    assert data_of_run(home / "run", begun.spec.class_names) is not None
    assert lpt.load(home / "run", device="cpu").spec == begun.spec


def test_a_run_whose_data_moved_asks_for_the_new_place_and_keeps_it(train, photos, tmp_path):
    old, new = tmp_path / "photos", tmp_path / "moved"
    shutil.copytree(photos, old)
    train(old, settings=UNTRAINED)
    old.rename(new)
    run = tmp_path / "run"
    asked = r"run: its data is no longer at .*photos\. Give the new path: lpt train PATH --out"
    with pytest.raises(RunError, match=asked):
        lpt.train(old, out=run, resume=True)
    with pytest.raises(RunError, match=asked):
        data_of_run(run, ["ant", "bee", "cat", "dog"])
    assert resume(tmp_path, new).spec.class_names == ("ant", "bee", "cat", "dog")
    assert load_config(run / "config.yaml").data.source == str(new)
    assert data_of_run(run, ["ant", "bee", "cat", "dog"]) is not None


@pytest.mark.parametrize(
    "ignored",
    [
        {"seed": 0},
        {"settings": {"seed": 1}},
        {"budget": "1m"},
        {"backbone": "x"},
        {"recipe": "paper"},
    ],
)
def test_resume_refuses_what_it_would_ignore(ignored, photos, tmp_path):
    with pytest.raises(ConfigError, match=r"^resume: \w+ would change the run"):
        lpt.train(photos, out=tmp_path / "run", resume=True, **ignored)


def test_resume_without_a_run_is_refused(photos, tmp_path):
    with pytest.raises(ConfigError, match=r"^resume: needs out"):
        lpt.train(photos, resume=True)
    with pytest.raises(RunError, match="run: holds no run to resume"):
        resume(tmp_path, photos)
    assert not (tmp_path / "run").exists()


DAMAGE: dict[str, tuple[str, bytes, str]] = {
    "checkpoint": ("checkpoints/last.safetensors", b"\x10junk", "last.safetensors: damaged check"),
    "metrics": ("metrics.jsonl", b'{"stage": "phase1"', "metrics.jsonl: line 1 is damaged"),
    "metrics of another": ("metrics.jsonl", b'{"stage": "x", "epoch": 0}', "line 1 is damaged"),
    "configuration": ("config.yaml", b"phase1: 3", "config.yaml, line 1: phase1=3"),
    "identity": ("identity.json", b"[", "identity.json: cannot be read"),
    "best weights": (
        "checkpoints/best-phase2-selected.safetensors",
        b"junk",
        "best-phase2-selected.safetensors: cannot be read",
    ),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_a_damaged_run_is_named_and_left_as_it_is(case, run, photos, tmp_path):
    name, content, said = DAMAGE[case]
    (run / name).write_bytes(content)
    with pytest.raises(LptError, match=said) as caught:
        resume(tmp_path, photos)
    assert len(str(caught.value).splitlines()) <= 2
    assert (run / name).read_bytes() == content


@pytest.mark.parametrize("kind", ["missing", "pipe", "link"])
def test_a_checkpoint_that_is_gone_does_not_start_the_run_anew(kind, run, photos, tmp_path):
    last = run / "checkpoints" / "last.safetensors"
    last.rename(tmp_path / "aside")
    if kind == "pipe":
        os.mkfifo(last)
    elif kind == "link":
        last.symlink_to(tmp_path / "aside")
    before = (run / "metrics.jsonl").read_bytes()
    wanted = "missing after" if kind == "missing" else "is a link or not a file"
    with pytest.raises(RunError, match=rf"last\.safetensors: {wanted}"):
        resume(tmp_path, photos)
    assert (run / "metrics.jsonl").read_bytes() == before


@pytest.mark.slow
def test_a_full_disk_in_training_loses_nothing(train, photos, tmp_path, monkeypatch):
    replace, left = Path.replace, [6]

    def full(self: Path, target: Path) -> Path:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(28, "No space left on device")
        return replace(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        with pytest.raises(RunError, match=r"cannot be written .No space left on device.. Free"):
            train()
    assert resume(tmp_path, photos).spec.phases == 2


@pytest.mark.slow
@pytest.mark.parametrize("phase", ["phase1", "phase2"])
def test_divergence_names_the_rate_of_its_phase_and_the_run_goes_on_with_a_lower_one(
    phase, train, photos, tmp_path
):
    sgd = {f"{phase}.optim.name": "sgd", f"{phase}.optim.classifier_lr": 1e30}
    with pytest.raises(TrainingError, match=f"{phase}: .* not finite") as caught:
        train(settings={**sgd, f"{phase}.optim.lr": 1e30})
    assert f"Lower {phase}.optim.lr" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 2
    run = RunFolder(tmp_path / "run")
    kept = Checkpoint.load(run.last_file).trainable
    assert all(bool(tensor.isfinite().all()) for tensor in kept.values())
    lower = run.open().changed({f"{phase}.optim.{name}": 1e-3 for name in ("lr", "classifier_lr")})
    run.release()
    run.config_file.write_text(lower.to_yaml())
    assert resume(tmp_path, photos).spec.phases == 2


def test_a_broken_picture_is_named_in_training_and_in_prediction(trained, train, photos, tmp_path):
    own = tmp_path / "photos"
    shutil.copytree(photos, own)
    task = lpt.load(trained, device="cpu")
    broken = own / "ant" / "00.png"
    broken.write_bytes(broken.read_bytes()[:60])
    with pytest.raises(DataError, match=r"00\.png"):
        task.predict([own / "bee" / "00.png", broken])
    with pytest.raises(DataError, match=r"nowhere\.png"):
        task.predict([tmp_path / "nowhere.png"])
    assert task.predict([]) == []
    for picture in (own / "ant").iterdir():
        picture.write_bytes(b"")
    with pytest.raises(DataError, match=r"ant/\d\d.png: the file is empty"):
        train(own)


def test_a_budget_reaches_the_validation_of_the_very_same_process(photos, vit, tmp_path):
    request = TrainRequest(photos, backbone=vit, out=tmp_path / "run", settings=QUICK, device="cpu")
    trainer = prepare(request, SilentReporter())
    trainer.context.update(trainer.config.changed({"data.max_val_images": 2}))
    assert len(trainer.context.validation) == 2
    trainer.folder.release()
