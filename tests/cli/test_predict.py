"""lpt predict: a row for every image, thresholds, standard input."""

import csv
import io
import json
import shutil
import sys
from types import SimpleNamespace

import pytest

from lpt.evaluation.thresholds import Threshold, ThresholdTable, write_thresholds
from lpt.task.task_digest import task_digest

from .running import refused


def rows(out: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(out)))


def test_predict_names_classes_of_files_and_folders(lpt):
    code, out, _ = lpt("predict", "run", "photos/ant/00.png", "photos/dog", "--top", "2")
    lines = out.splitlines()
    assert code == 0
    assert [line.split()[0] for line in lines] == [
        "photos/ant/00.png",
        *(f"photos/dog/{i:02d}.png" for i in range(3)),
    ]
    assert all(line.count("%") == 2 for line in lines)


@pytest.mark.parametrize("option", [("--json",), ("--output", "jsonl")])
def test_json_is_one_object_per_line(option, lpt):
    _, out, _ = lpt("predict", "run/task.safetensors", "photos/dog", *option, "--top", "9")
    objects = [json.loads(line) for line in out.splitlines()]
    assert [o["path"] for o in objects] == [f"photos/dog/{i:02d}.png" for i in range(3)]
    assert all(sum(o["probabilities"]) == pytest.approx(1) for o in objects)
    assert all(set(o["labels"]) == {"ant", "bee", "cat", "dog"} for o in objects)


@pytest.mark.parametrize("content", [b"", b"text", None], ids=["empty", "no image", "truncated"])
def test_a_broken_image_has_a_row_with_the_reason(content, lpt, home, tmp_path):
    broken = tmp_path / "broken.png"
    whole = (home / "photos" / "ant" / "00.png").read_bytes()
    broken.write_bytes(whole[:100] if content is None else content)
    code, out, err = lpt("predict", "run", str(broken))
    assert code == 2
    assert out.startswith(f"{broken}  error: ")
    assert out.count(str(broken)) == 1
    assert err == "lpt: 1 of 1 images could not be read; their rows say why.\n"


def test_bad_and_missing_images_do_not_stop_the_others(lpt, home, tmp_path):
    photos = shutil.copytree(home / "photos" / "ant", tmp_path / "ant")
    broken = photos / "03.png"
    broken.write_bytes(broken.read_bytes()[:100])
    given = ("none.png", str(photos), str(tmp_path / "no folder"), "photos/dog/00.png")
    code, out, err = lpt("predict", "run", *given, "--output", "csv")
    found = rows(out)
    assert code == 2
    names = ["none.png", *map(str, sorted(photos.iterdir())), given[2], given[3]]
    assert [row["path"] for row in found] == names
    bad = [row["path"] for row in found if row["error"]]
    assert bad == ["none.png", str(broken), given[2]]
    assert all(bool(row["label"]) != bool(row["error"]) for row in found)
    assert f"3 of {len(names)} images could not be read" in err


def test_the_backbone_keeps_its_weights_as_asked(lpt):
    arguments = ("predict", "run", "photos/dog", "--json", "--top", "4")
    usual, small = (
        [json.loads(line)["probabilities"] for line in lpt(*arguments, *more)[1].splitlines()]
        for more in ((), ("--backbone-weights", "int8"))
    )
    assert usual != small
    assert usual == [pytest.approx(row, abs=0.05) for row in small]
    refused(lpt(*arguments, "--backbone-weights", "int4"), "'int4' is not one of")


def test_matching_is_exact_unless_the_task_can_do_otherwise(lpt):
    usual = lpt("predict", "run", "photos/dog")
    assert lpt("predict", "run", "photos/dog", "--match", "exact") == usual
    refused(
        lpt("predict", "run", "photos/dog", "--match", "early"),
        "--match early: the task run has no map for it. Train it with prompts.match=early",
    )
    refused(lpt("predict", "run", "photos/dog", "--match", "often"), "'often' is not one of")


def test_paths_come_from_standard_input(lpt, home, monkeypatch):
    names = [f"photos/dog/{i:02d}.png" for i in range(3)]
    for separator, options in (("\n", ()), ("\0", ("-0",))):
        text = separator.join(names).encode()
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(text)))
        code, out, _ = lpt("predict", "run", "-", "--output", "csv", *options)
        assert code == 0
        assert [row["path"] for row in rows(out)] == names


def test_a_number_is_the_threshold(lpt):
    arguments = ("predict", "run", "photos/dog", "--output", "csv", "--threshold")
    assert {row["unsure"] for row in rows(lpt(*arguments, "0")[1])} == {"no"}
    assert {row["unsure"] for row in rows(lpt(*arguments, "1.0")[1])} == {"yes"}
    _, out, _ = lpt("predict", "run", "photos/dog", "--threshold", "1")
    assert all(line.split()[1] == "unsure" for line in out.splitlines())


def test_a_file_gives_the_threshold_for_an_accuracy(lpt, home, tmp_path):
    file = tmp_path / "thresholds.json"
    found = (Threshold(0.0, 40, 30, 1.0, 0.75), Threshold(0.999, 20, 19, 0.5, 0.95))
    table = ThresholdTable(1, task_digest(home / "run"), "photos", "test", 40, found)
    write_thresholds(file, table)
    arguments = ("predict", "run", "photos/dog", "--output", "csv", "--threshold", str(file))
    code, out, err = lpt(*arguments, "--accuracy", "0.95")
    assert code == 0
    assert err.startswith("threshold 0.999: keeps 50.0 % of 40 test images of photos; 95.0 %")
    assert {row["unsure"] for row in rows(out)} == {"yes"}
    assert {row["unsure"] for row in rows(lpt(*arguments, "--accuracy", "0.7")[1])} == {"no"}
    refused(lpt(*arguments), "give the accuracy")
    refused(lpt(*arguments, "--accuracy", "0.99"), "the best is 0.999 with 95.0 %")
    other = ThresholdTable(1, "0" * 64, "photos", "test", 40, found)
    write_thresholds(file, other)
    refused(lpt(*arguments, "--accuracy", "0.7"), "measured with another task file")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--threshold", "1.5"), "--threshold 1.5: give a probability"),
        (("--threshold", "nan"), "--threshold nan: give a probability"),
        (("--threshold", "none.json", "--accuracy", "0.9"), "none.json: no such file"),
        (("--threshold", "run/config.yaml", "--accuracy", "0.9"), "not a table of thresholds"),
        (("--threshold", "0.5", "--accuracy", "0.9"), "needs a file of thresholds"),
        (("--accuracy", "0.9"), "lpt analyze run"),
        (("--json", "--output", "csv"), "--json, --output csv"),
    ],
)
def test_options_that_do_not_fit_are_refused_before_any_row(options, said, lpt):
    refused(lpt("predict", "run", "photos/dog", *options), said)


def test_progress_goes_to_stderr_for_many_images(lpt, monkeypatch):
    begun = []
    reporter = SimpleNamespace(
        begin=lambda task, total, unit: begun.append((task, total, unit)),
        advance=lambda units: None,
        end=lambda: None,
    )
    monkeypatch.setattr("lpt.reporters.reporter_for", lambda: reporter)
    assert lpt("predict", "run", "photos/dog")[0] == 0
    assert begun == []
    assert lpt("predict", "run", *["photos/ant"] * 4)[0] == 0
    assert begun == [("predict", 120, "images")]


def test_an_image_on_standard_input_is_predicted(lpt, home, monkeypatch):
    image = home / "photos" / "dog" / "00.png"
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(image.read_bytes())))
    code, out, _ = lpt("predict", "run", "-", "--output", "csv")
    (row,) = rows(out)
    assert (code, row["path"], row["error"]) == (0, "stdin", "")
    (same,) = rows(lpt("predict", "run", str(image), "--output", "csv")[1])
    assert row["probability"] == same["probability"]


def test_what_is_left_out_is_said_on_stderr(lpt, tmp_path, home):
    shutil.copytree(home / "photos" / "dog", tmp_path / "dog")
    (tmp_path / "dog" / "readme.xyz").write_text("no image")
    code, out, err = lpt("predict", "run", str(tmp_path / "dog"))
    assert (code, len(out.splitlines())) == (0, 3)
    assert "left out 1 " in err
    assert "readme.xyz" in err
