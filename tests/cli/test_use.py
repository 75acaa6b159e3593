"""lpt evaluate."""

import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from lpt.data.images.corruptions import CORRUPTIONS, SEVERITIES
from lpt.data.manifest import Split
from lpt.data.sources import read_source
from lpt.data.sources.class_folders import read_folder
from lpt.data.sources.listing import Listing
from lpt.data.sources.open_data import open_data
from lpt.data.sources.shifted_sets import open_shifted
from lpt.records import Predictions
from lpt.task import Task

from ..tiny import write_photos
from .running import refused, train


def test_evaluate_repeats_the_numbers_of_the_end_of_training(lpt, home):
    code, out, _ = lpt("evaluate", "run", "--json")
    results = json.loads((home / "run" / "results.json").read_text())
    assert code == 0
    assert json.loads(out)["test"]["overall"] == results["metrics"]["phase2"]["test"]["overall"]


def test_evaluate_writes_a_line_a_class(lpt, tmp_path):
    code, out, _ = lpt("evaluate", "run", "--out", str(tmp_path / "scores"))
    assert code == 0
    assert "overall" in out
    lines = (tmp_path / "scores" / "test.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines[1:]] == ["ant", "bee", "cat", "dog"]


def test_evaluate_puts_shifted_data_beside_the_source_with_its_drop(lpt, home, tmp_path):
    shutil.copytree(home / "photos" / "ant", tmp_path / "sketch" / "ant")
    shutil.copytree(home / "photos" / "bee", tmp_path / "sketch" / "bee")
    other = f"drawn={tmp_path / 'sketch'}"
    code, out, _ = lpt("evaluate", "run", str(tmp_path / "sketch"), other, "--out", str(tmp_path))
    assert code == 0
    rows = [line.split()[0] for line in out.splitlines() if line.strip()]
    assert {"sketch", "drawn"} <= set(rows)
    assert "drop" in out


def test_two_data_sets_of_one_name_are_not_mixed_up(lpt):
    refused(lpt("evaluate", "run", "photos", "./photos"), "the name 'photos' is taken")


def test_a_task_file_alone_needs_data_to_be_named(lpt, home, tmp_path):
    shutil.copy(home / "run" / "task.safetensors", tmp_path / "birds.safetensors")
    refused(lpt("evaluate", str(tmp_path / "birds.safetensors")), "birds.safetensors")


def test_evaluate_refuses_data_that_changed_since_training(lpt, home, tmp_path):
    """Its test images could be images of training."""
    shutil.copytree(home / "run", tmp_path / "run")
    moved = home / "photos" / "ant" / "00.png"
    moved.rename(home / "photos" / "ant" / "new.png")
    try:
        refused(lpt("evaluate", str(tmp_path / "run")), "training images changed")
    finally:
        (home / "photos" / "ant" / "new.png").rename(moved)


def test_inspect_tells_the_tail(lpt):
    code, out, _ = lpt("data", "inspect", "photos")
    assert code == 0
    assert "4" in out
    assert "ant" in out


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


def test_the_number_of_trained_images_is_a_warning_and_in_the_json(lpt, home, tmp_path):
    """Copies count: `half` was made with other files than `photos`."""
    mixed = tmp_path / "mixed"
    shutil.copytree(home / "photos" / "ant", mixed / "ant")
    code, out, err = lpt("evaluate", "run", str(mixed), "--json", "--out", str(tmp_path / "out"))
    trained = Task.load(home / "run", device="cpu").spec.class_counts[0]
    assert code == 0
    assert f"mixed: the task was trained on {trained} of its 30 images" in err
    assert json.loads(out)["mixed"]["trained_images"] == trained
    assert json.loads(out)["test"]["trained_images"] is None


def test_scores_are_kept_until_something_changes(lpt, home, tmp_path, monkeypatch):
    shutil.copytree(home / "run", tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "evaluation", ignore_errors=True)
    new = tmp_path / "new"
    shutil.copytree(home / "half", new)
    arguments = ("evaluate", str(tmp_path / "run"), str(new))
    code, first, err = lpt(*arguments)
    assert code == 0
    assert "predicted before" not in err
    scored: list[str] = []
    run = Task.run

    def spy(task: Task, split: Split, **options: object) -> Predictions:
        scored.append(split.name)
        return run(task, split, **options)

    monkeypatch.setattr(Task, "run", spy)
    code, second, err = lpt(*arguments)
    assert (code, second) == (0, first)
    assert "note      predicted before: test, new (--again" in err
    assert scored == []
    assert lpt(*arguments, "--again")[1] == first
    assert len(scored) == 2
    (new / "ant" / "00.png").unlink()
    code, _, err = lpt(*arguments)
    assert "predicted before: test; the other 1 set predicted now" in err
    assert len(scored) == 3
    assert "predicted before" not in lpt(*arguments, "--backbone-weights", "int8")[2]
    assert len(scored) == 5


def test_each_data_set_is_read_from_disk_once(lpt, home, monkeypatch):
    read: list[str] = []

    def spy(root: Path, **options: Any) -> Listing:
        read.append(root.name)
        return read_folder(root, **options)

    monkeypatch.setattr(read_source, "read_folder", spy)
    assert lpt("evaluate", "run", str(home / "half"), "photos")[0] == 0
    assert sorted(read) == ["half", "photos"]


def test_one_image_per_class_leaves_nothing_to_score(lpt, tmp_path):
    ones = write_photos(tmp_path / "ones", dict.fromkeys(("ant", "bee", "cat"), 1))
    assert train(lpt, ones, tmp_path / "run")[0] == 0
    refused(lpt("evaluate", str(tmp_path / "run")), "has no test images", "lpt evaluate")
    refused(lpt("analyze", str(tmp_path / "run")), "nothing to analyse", "lpt analyze")


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
    assert len(row(out, "test")) == len(row(out, "sketch")) == 11  # no class has many images
    for domain in domains[1:]:
        overall, source, drop = (float(row(out, domain)[i]) for i in (3, -2, -1))
        assert drop == pytest.approx(source - overall, abs=0.11)
        assert source == float(row(out, "test")[3])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run", "nowhere"), "nowhere: no such folder"),
        (("run", "sketch=nowhere"), "nowhere: no such folder"),
        (("run", "a=half", "a=photos"), "the name 'a' is taken"),
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
    command = ("evaluate", str(tmp_path / "birds.safetensors"), "half", "--corruptions")
    code, _, err = lpt(*command)
    assert code == 2
    assert "which is a path, chosen by the file" in err
    code, _, err = lpt(*command, "--backbone", str(home / "vit.safetensors"))
    assert code == 2
    assert "does not say where its data is" in err
