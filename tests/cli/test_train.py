"""lpt train: what stops a run, groups, bad images, resuming."""

import csv
import io
import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from lpt.config import load_config
from lpt.data.sources.open_data import open_data
from lpt.training.trainer import Trainer

from .running import QUICK, refused, train


def test_an_empty_class_one_class_and_no_class_are_told(lpt, home, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    out = str(tmp_path / "out")
    refused(lpt("train", str(data), "--out", out), str(data))
    (data / "ant").mkdir()
    refused(lpt("train", str(data), "--out", out), "ant", "no image")
    shutil.copy(home / "photos" / "ant" / "00.png", data / "ant")
    refused(lpt("train", str(data), "--out", out), "one class", "two classes or more")
    assert not (tmp_path / "out").exists()


def test_a_stopped_training_says_how_to_go_on(lpt, tmp_path, monkeypatch):
    def stop(trainer: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Trainer, "run", stop)
    settings = [f"--set={name}={value}" for name, value in QUICK.items()]
    out = str(tmp_path / "mine")
    arguments = ["train", "photos", "--backbone", "vit.safetensors", "--out", out, *settings]
    code, _, err = lpt(*arguments)
    assert code == 130
    assert err.endswith(f"lpt: stopped. Resume with: lpt train --out {out} --resume\n")
    assert "Traceback" not in err


@pytest.fixture
def spoilt(home: Path, tmp_path: Path) -> Path:
    photos = tmp_path / "spoilt"
    shutil.copytree(home / "photos", photos)
    (photos / "ant" / "bad.png").write_bytes(b"no image")
    return photos


def test_a_bad_image_stops_the_run_with_its_name(lpt, spoilt, tmp_path):
    code, _, err = train(lpt, spoilt, tmp_path / "run")
    assert code == 2
    assert "ant/bad.png: not an image" in err


def test_error_stops_before_anything_is_trained(lpt, spoilt, tmp_path):
    code, _, err = train(lpt, spoilt, tmp_path / "run", "--bad-images", "error")
    assert code == 2
    assert "1 image would spoil training" in err
    assert "ant/bad.png (not-image)" in err
    assert "leave them out: --bad-images skip, or --bad-images LIST" in err
    assert not (tmp_path / "run").exists()


def test_skip_leaves_it_out_and_evaluation_does_too(lpt, spoilt, tmp_path):
    run = tmp_path / "run"
    code, _, err = train(lpt, spoilt, run, "--bad-images", "skip")
    assert code == 0
    assert "left out  1 image (1 not-image)" in err
    assert load_config(run / "config.yaml").data.bad_images == "skip"
    assert lpt("evaluate", str(run))[0] == 0


def test_a_quarantine_list_is_left_out_by_training(lpt, spoilt, tmp_path):
    leave = tmp_path / "leave.csv"
    assert lpt("data", "check", str(spoilt), "--quarantine", str(leave), "--workers", "0")[0] == 1
    code, _, err = train(lpt, spoilt, tmp_path / "run", "--bad-images", str(leave))
    assert code == 0
    assert f"left out  1 image of the data ({leave})" in err
    assert lpt("evaluate", str(tmp_path / "run"))[0] == 0


def test_a_list_that_is_not_there_is_a_setting_out_of_range(lpt, spoilt, tmp_path):
    code, _, err = train(lpt, spoilt, tmp_path / "run", "--bad-images", "none.csv")
    assert code == 2
    assert "--bad-images none.csv: no such file. Give error, skip or a quarantine list" in err
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
        assert "another folder as --out" in err


def test_corrected_labels_are_trained_on_counted_and_recorded(lpt, home, tmp_path):
    run, path = tmp_path / "run", tmp_path / "list.csv"
    rows = ("ant/00.png,,change,ant,bee", "ant/01.png,,drop,ant,", "ant/02.png,,confirm,ant,")
    path.write_text("name,split,decision,label,corrected\n" + "\n".join(rows) + "\n")
    code, out, err = train(lpt, "photos", run, "--corrections", str(path))
    assert code == 0
    said = "1 label changed, 1 image left out, 1 confirmed"
    assert said in out + err
    assert json.loads((run / "identity.json").read_text())["corrections"] == said
    assert load_config(str(run / "config.yaml")).data.corrections == str(path)
    path.write_text("name,split,decision,label,corrected\n" + rows[0] + "\n")
    refused(lpt("train", "--out", str(run), "--resume"), "changed since the run started")


def test_a_list_of_corrections_that_is_not_there_is_told_before_anything_is_loaded(lpt, tmp_path):
    result = train(lpt, "photos", tmp_path / "run", "--corrections", "gone.csv")
    refused(result, "corrections gone.csv: no such file")
    assert not (tmp_path / "run").exists()


def test_a_plan_is_printed_and_nothing_is_written(lpt, tmp_path):
    code, out, err = train(lpt, "photos", tmp_path / "run", "--plan")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == [
        "parameters",
        "phase1",
        "phase2",
        "memory",
        "disk",
        "time",
    ]
    assert "trainable" in err
    assert not (tmp_path / "run").exists()
    code, out, _ = train(lpt, "photos", tmp_path / "run", "--plan", "--json")
    assert json.loads(out)["processes"] == 1
    refused(lpt("train", "--out", "run", "--resume", "--plan"), "--plan: plans a new run")
