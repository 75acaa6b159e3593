"""lpt evaluate beside the source, and lpt train on data that has groups or bad images."""

import csv
import io
import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from lpt import api
from lpt.cli import main
from lpt.config import load_config
from lpt.data.images.corruptions import CORRUPTIONS, SEVERITIES
from lpt.data.sources.open_data import open_data
from lpt.data.sources.shifted_sets import open_shifted
from lpt.records import Predictions
from lpt.shift import score_sets as shift
from lpt.shift.score_sets import score_sets
from lpt.task import Task

from .tiny import SETTINGS, write_backbone, write_photos

Lpt = Callable[..., tuple[int, str, str]]

QUICK = {**SETTINGS, "checkpoint_seconds": 60, "phase1.epochs": 1, "phase2.epochs": 1}
FLAGS = [word for name, value in QUICK.items() for word in ("--set", f"{name}={value}")]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with photos, a backbone and a finished run."""
    root = tmp_path_factory.mktemp("home")
    vit, photos = write_backbone(root / "vit.safetensors"), write_photos(root / "photos")
    write_photos(root / "half", {"cat": 6, "ant": 4})
    api.train(photos, backbone=str(vit), out=root / "run", settings=QUICK, device="cpu")
    return root


@pytest.fixture
def lpt(
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Lpt:
    """Run a command in `home`: exit code, stdout, stderr."""
    monkeypatch.chdir(home)
    monkeypatch.setenv("LPT_CACHE", str(tmp_path / "cache"))

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["lpt", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return (ended.value.code, *capfd.readouterr())

    return call


def write_domain(path: Path, seed: int, each: int = 30) -> None:
    """A file as of PACS: encoded images, labels with names, and `all` for the split."""
    noise, images = np.random.default_rng(seed), []
    for i in range(3 * each):
        low = 40 + 40 * (i % 3)
        stream = io.BytesIO()
        pixels = noise.integers(low, low + 60, (18, 18, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(stream, "WEBP")
        images.append(stream.getvalue())
    labels = [i % 3 for i in range(3 * each)]
    names = [("dog", "guitar", "house")[label] for label in labels]
    table = {"image": images, "label": labels, "label_name": names, "split": ["all"] * len(labels)}
    path.parent.mkdir(exist_ok=True)
    pq.write_table(pa.table(table), path)


def row(out: str, name: str) -> list[str]:
    return next(line for line in out.splitlines() if line.startswith(f"{name} ")).split()


# Beside the source


def test_a_subset_is_scored_over_its_own_classes_as_the_source_is(lpt, home, tmp_path):
    code, out, _ = lpt("evaluate", "run", "half", "--json", "--out", str(tmp_path))
    scores = json.loads(out)
    assert code == 0
    assert [c["name"] for c in scores["half"]["classes"]] == ["ant", "cat"]
    task = Task.load(home / "run", device="cpu")
    (half,) = open_shifted("half", "half", task.spec.class_names)
    said = task.run(half.split)
    chosen = said.logits[:, [0, 2]].argmax(1)
    assert scores["half"]["overall"] == pytest.approx(np.mean(chosen == said.labels))
    among_all = np.mean(said.logits.argmax(1) == 2 * said.labels)
    assert scores["half"]["among_all_classes"] == pytest.approx(among_all)
    own = task.run(open_data("photos", class_names=task.spec.class_names).split("test"))
    kept = np.isin(own.labels, [0, 2])
    source = np.mean(own.logits[kept][:, [0, 2]].argmax(1) * 2 == own.labels[kept])
    assert scores["half"]["source"] == pytest.approx(source)
    assert scores["half"]["drop"] == pytest.approx(source - scores["half"]["overall"])


def test_several_sets_stand_side_by_side_below_the_source(lpt, tmp_path):
    code, out, _ = lpt("evaluate", "run", "one=half", "photos", "half", "--out", str(tmp_path))
    assert code == 0
    names = [line.split()[0] for line in out.splitlines()[2:5]]
    assert names == ["photos", "one", "half"]  # the run's own data comes first, by its name
    assert row(out, "one")[1:] == row(out, "half")[1:]
    assert row(out, "photos")[-2:] == ["-", "-"]
    assert {path.name for path in tmp_path.glob("*.csv")} == {"photos.csv", "one.csv", "half.csv"}


def test_a_set_called_test_does_not_take_the_place_of_the_source(lpt, tmp_path):
    _, out, _ = lpt("evaluate", "run", "test=half", "--json", "--out", str(tmp_path))
    assert list(json.loads(out)) == ["source", "test"]


def test_a_source_that_moved_leaves_its_recorded_accuracy(lpt, home, tmp_path):
    shutil.copytree(home / "run", tmp_path / "run")
    shutil.copytree(home / "photos", tmp_path / "all")
    (home / "photos").rename(home / "gone")
    try:
        arguments = ("evaluate", str(tmp_path / "run"), str(tmp_path / "all"), "half", "--json")
        code, out, err = lpt(*arguments)
    finally:
        (home / "gone").rename(home / "photos")
    scores = json.loads(out)
    recorded = Task.load(home / "run", device="cpu").spec.source_accuracy
    assert code == 0
    assert "the source is not scored again: " in err
    assert list(scores) == ["all", "half"]
    assert scores["all"]["source"] == recorded
    assert scores["half"]["source"] is None  # of a part of the classes nothing was recorded


def test_corruptions_of_every_kind_and_severity_with_their_means(lpt, tmp_path):
    code, out, _ = lpt("evaluate", "run", "--corruptions", "--out", str(tmp_path))
    assert code == 0
    assert "corrupted (mean of 20)" in out
    for kind in CORRUPTIONS:
        assert len(row(out, kind)) == 1 + len(SEVERITIES) + 2
    assert len(list(tmp_path.glob("corrupted *-*.json"))) == 20


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


def test_a_folder_of_corruptions_is_averaged_over_kinds_and_severities(lpt, home, tmp_path):
    for kind in ("fog", "snow"):
        for severity in (1, 2):
            shutil.copytree(home / "half", tmp_path / "c" / kind / str(severity))
    code, out, _ = lpt("evaluate", "run", f"c={tmp_path / 'c'}", "--out", str(tmp_path))
    assert code == 0
    half = json.loads((tmp_path / "c fog-1.json").read_text())["overall"]
    assert row(out, "c")[1:5] == ["(mean", "of", "4)", "2"]
    assert row(out, "fog")[1:3] == [f"{100 * half:.1f}"] * 2
    assert row(out, "snow") == ["snow", *row(out, "fog")[1:]]


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
    monkeypatch.setattr(shift, "open_shifted", lambda *_: bordered)
    score_sets("run", task, {"objects": "half"})
    assert 2 in borders


def test_one_domain_made_long_tailed_is_tested_on_the_others(lpt, tmp_path):
    domains = ("photo", "art_painting", "cartoon", "sketch")
    for number, domain in enumerate(domains):
        write_domain(tmp_path / "pacs" / f"{domain}.parquet", seed=number)
    pacs, run = tmp_path / "pacs", tmp_path / "photo"
    photo, thinned = str(pacs / "photo.parquet"), pacs / "photo-lt20.csv"
    assert lpt("data", "longtail", photo, str(thinned), "--imbalance", "20")[0] == 0
    assert train(lpt, f"{photo}:list={thinned.name}", run)[0] == 0
    others = [f"{domain}={pacs / domain}.parquet" for domain in domains[1:]]
    code, out, _ = lpt("evaluate", str(run), *others)
    assert code == 0
    assert len(row(out, "test")) == len(row(out, "sketch")) == 9
    for domain in domains[1:]:
        overall, source, drop = (float(row(out, domain)[i]) for i in (2, -2, -1))
        assert drop == pytest.approx(source - overall, abs=0.11)
        assert source == float(row(out, "test")[2])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run", "nowhere"), "nowhere: no such folder"),
        (("run", "sketch=nowhere"), "nowhere: no such folder"),
        (("run", "a=half", "a=photos"), "'a' is named already"),
        (("run", "strange"), "unknown classes: 'yak'"),
        (("nowhere", "half"), "nowhere: no such file"),
    ],
)
def test_bad_input_is_told_in_two_lines_and_nothing_is_written(lpt, home, arguments, said):
    if not (home / "strange").exists():
        write_photos(home / "strange", {"ant": 2, "yak": 2})
    before = sorted(home.rglob("*"))
    code, out, err = lpt("evaluate", *arguments)
    assert (code, out) == (2, "")
    assert said in err
    assert len(err.splitlines()) <= 2
    assert sorted(home.rglob("*")) == before


def test_a_task_file_far_from_its_run_has_no_own_images_to_corrupt(lpt, home, tmp_path):
    shutil.copy(home / "run" / "task.safetensors", tmp_path / "birds.safetensors")
    code, _, err = lpt("evaluate", str(tmp_path / "birds.safetensors"), "half", "--corruptions")
    assert code == 2
    assert "does not say where its data is" in err


# Training on data with groups or bad images


@pytest.fixture
def spoilt(home: Path, tmp_path: Path) -> Path:
    photos = tmp_path / "spoilt"
    shutil.copytree(home / "photos", photos)
    (photos / "ant" / "bad.png").write_bytes(b"no image")
    return photos


def train(lpt: Lpt, data: Path | str, out: Path, *flags: str) -> tuple[int, str, str]:
    backbone = ("--backbone", "vit.safetensors")
    return lpt("train", str(data), *backbone, "--out", str(out), *FLAGS, *flags)


def test_a_bad_image_stops_the_run_with_its_name(lpt, spoilt, tmp_path):
    code, _, err = train(lpt, spoilt, tmp_path / "run")
    assert code == 2
    assert "ant/bad.png: not an image" in err


def test_error_stops_before_anything_is_trained(lpt, spoilt, tmp_path):
    code, _, err = train(lpt, spoilt, tmp_path / "run", "--bad-images", "error")
    assert code == 2
    assert "1 images would spoil training" in err
    assert "ant/bad.png (not-image)" in err
    assert not (tmp_path / "run").exists()


def test_skip_leaves_it_out_and_evaluation_does_too(lpt, spoilt, tmp_path):
    run = tmp_path / "run"
    code, _, err = train(lpt, spoilt, run, "--bad-images", "skip")
    assert code == 0
    assert "left out  1 images (1 not-image)" in err
    assert load_config(run / "config.yaml").data.bad_images == "skip"
    assert lpt("evaluate", str(run))[0] == 0


def test_a_quarantine_list_is_left_out_by_training(lpt, spoilt, tmp_path):
    leave = tmp_path / "leave.csv"
    assert lpt("data", "check", str(spoilt), "--quarantine", str(leave), "--workers", "0")[0] == 1
    assert train(lpt, spoilt, tmp_path / "run", "--bad-images", str(leave))[0] == 0
    assert lpt("evaluate", str(tmp_path / "run"))[0] == 0


def test_a_list_that_is_not_there_is_a_setting_out_of_range(lpt, spoilt, tmp_path):
    code, _, err = train(lpt, spoilt, tmp_path / "run", "--bad-images", "none.csv")
    assert code == 2
    assert "data.bad_images=none.csv: choose error, skip, or a list" in err
    assert not (tmp_path / "run").exists()


def test_groups_are_kept_together_and_recorded(lpt, tmp_path):
    images = []
    for i in range(48):
        stream = io.BytesIO()
        Image.new("RGB", (18, 18), (5 * i, 250 - 5 * i, 9)).save(stream, "PNG")
        images.append(stream.getvalue())
    columns = {"label": [i % 2 for i in range(48)], "video": [f"v{i // 4}" for i in range(48)]}
    path = tmp_path / "videos.parquet"
    pq.write_table(pa.table({"image": images, **columns}), path)
    run = tmp_path / "run"
    assert train(lpt, path, run, "--group-by", "video")[0] == 0
    config = load_config(run / "config.yaml")
    assert config.data.group_by == "video"
    data = open_data(path, seed=config.seed, group_by="video")
    videos = {
        name: {(split.ref(i).row or 0) // 4 for i in range(len(split))}
        for name, split in data.splits.items()
    }
    assert not videos["train"] & videos["test"]
    with (run / "metrics.jsonl").open() as lines:
        assert all(0 <= json.loads(line)["loading_share"] <= 1 for line in lines)
    assert lpt("evaluate", str(run))[0] == 0
    with (run / "evaluation" / "test.csv").open(newline="") as stream:
        tested = sum(int(row["test_images"]) for row in csv.DictReader(stream))
    assert tested == len(data.split("test"))


def test_flags_that_would_change_a_run_are_refused_when_it_goes_on(lpt):
    for flag in (("--group-by", "video"), ("--bad-images", "skip")):
        code, _, err = lpt("train", "--resume", "--out", "run", *flag)
        assert code == 2
        assert f"--resume: {flag[0]} would change the run" in err
