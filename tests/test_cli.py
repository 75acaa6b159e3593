"""The command line: what it lists works; what goes wrong is one or two lines and exit code 2."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lpt import api
from lpt.cli import main
from lpt.training.trainer import Trainer

from .tiny import SETTINGS, write_backbone, write_photos

Lpt = Callable[..., tuple[int, str, str]]

COMMANDS = ("demo", "train", "evaluate", "predict", "backbones", "data")
QUICK = {**SETTINGS, "checkpoint_seconds": 60, "phase1.epochs": 1, "phase2.epochs": 1}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with photos, a backbone and a finished run."""
    root = tmp_path_factory.mktemp("home")
    vit, photos = write_backbone(root / "vit.safetensors"), write_photos(root / "photos")
    api.train(photos, backbone=str(vit), out=root / "run", settings=QUICK, device="cpu")
    return root


@pytest.fixture
def lpt(home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Lpt:
    """Run a command in `home`: exit code, stdout, stderr."""
    monkeypatch.chdir(home)

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["lpt", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return (ended.value.code, *capfd.readouterr())

    return call


def refused(result: tuple[int, str, str], *said: str) -> None:
    """Exit code 2, nothing on stdout, and at the end of stderr one or two lines with `said`."""
    code, out, err = result
    assert (code, out) == (2, "")
    message = "lpt: " + err.rpartition("lpt: ")[2]
    assert len(message.splitlines()) <= 2
    assert "Traceback" not in err
    for part in said:
        assert part in message


def test_help_lists_the_commands_and_each_explains_itself(lpt):
    code, out, _ = lpt("--help")
    assert code == 0
    for command in COMMANDS:
        assert f" {command} " in out
        assert lpt(command, "--help")[0] == 0


def test_commands_that_nobody_has_written_are_not_listed(lpt):
    _, out, _ = lpt("--help")
    for command in ("serve", "export", "push"):
        assert f" {command} " not in out
        assert lpt(command)[0] == 2


def test_help_takes_no_heavy_import():
    code = (
        "import sys, lpt.cli\n"
        "sys.argv = ['lpt', '--help']\n"
        "try: lpt.cli.main()\n"
        "except SystemExit: print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert not {"torch", "numpy", "PIL", "pyarrow"} & set(done.stderr.split())
    assert "Commands" in done.stdout


def test_predict_names_classes_of_files_and_folders(lpt):
    code, out, _ = lpt("predict", "run", "photos/ant/00.png", "photos/dog", "--top", "2")
    lines = out.splitlines()
    assert code == 0
    assert [line.split()[0] for line in lines] == [
        "photos/ant/00.png",
        *(f"photos/dog/{i:02d}.png" for i in range(3)),
    ]
    assert all(line.count("%") == 2 for line in lines)


def test_predict_as_json_is_one_object_a_line(lpt):
    _, out, _ = lpt("predict", "run/task.safetensors", "photos/dog", "--json", "--top", "9")
    objects = [json.loads(line) for line in out.splitlines()]
    assert [o["path"] for o in objects] == [f"photos/dog/{i:02d}.png" for i in range(3)]
    assert all(sum(o["probabilities"]) == pytest.approx(1) for o in objects)
    assert all(set(o["labels"]) == {"ant", "bee", "cat", "dog"} for o in objects)


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
    refused(lpt("evaluate", "run", "photos", "./photos"), "'photos' is named already")


def test_evaluate_refuses_data_that_changed_since_training(lpt, home, tmp_path):
    """Its test images could be images of training."""
    shutil.copytree(home / "run", tmp_path / "run")
    moved = home / "photos" / "ant" / "00.png"
    moved.rename(home / "photos" / "ant" / "new.png")
    try:
        refused(lpt("evaluate", str(tmp_path / "run")), "training images changed")
    finally:
        (home / "photos" / "ant" / "new.png").rename(moved)


def test_a_task_file_alone_needs_data_to_be_named(lpt, home, tmp_path):
    shutil.copy(home / "run" / "task.safetensors", tmp_path / "birds.safetensors")
    refused(lpt("evaluate", str(tmp_path / "birds.safetensors")), "birds.safetensors")


def test_inspect_tells_the_tail(lpt):
    code, out, _ = lpt("data", "inspect", "photos")
    assert code == 0
    assert "4" in out
    assert "ant" in out


def test_backbones_lists_the_embedded_one_first(lpt):
    code, out, _ = lpt("backbones")
    heading, first, *_ = out.splitlines()
    assert code == 0
    assert heading.split()[:4] == ["name", "where", "size", "input"]
    assert first.startswith("vit_tiny_patch8_64 ")


WRONG: dict[str, tuple[list[str], list[str]]] = {
    "missing data": (["train", "/no/such"], ["/no/such", "no such folder"]),
    "no data": (["train"], ["name the data"]),
    "unknown setting": (["train", "photos", "--set", "phase1.foo=3"], ["phase1.foo", "epochs"]),
    "no setting": (["train", "photos", "--set", "phase1"], ["key=value"]),
    "bad value": (["train", "photos", "--set", "seed=2020-99-99"], ["seed=2020-99-99"]),
    "unknown recipe": (["train", "photos", "--recipe", "x"], ["recipe 'x'", "paper"]),
    "unknown backbone": (["train", "photos", "--backbone", "vit_huge_x"], ["vit_huge_x"]),
    "bad budget": (["train", "photos", "--budget", "soon"], ["--budget soon"]),
    "no run to resume": (["train", "--resume", "--out", "none"], ["none", "holds no run"]),
    "resume without out": (["train", "--resume"], ["--resume", "--out"]),
    "resume with a setting": (
        ["train", "--resume", "--out", "run", "--set", "seed=1"],
        ["--set would change the run"],
    ),
    "folder taken": (["train", "photos", "--out", "photos"], ["photos", "is not empty"]),
    "folder is a file": (["train", "photos", "--out", "vit.safetensors"], ["is a file"]),
    "no task": (["predict", "photos", "photos"], ["photos/task.safetensors", "no such file"]),
    "backbone for a task": (["predict", "vit.safetensors", "photos"], ["no prompt file of lpt"]),
    "picture for a task": (["predict", "photos/ant/00.png", "photos"], ["not a readable"]),
    "no picture": (["predict", "run", "none.png"], ["none.png", "no such file"]),
    "task for a picture": (["predict", "run", "vit.safetensors"], ["vit.safetensors", "image"]),
    "missing data to score": (["evaluate", "run", "/no/such"], ["/no/such"]),
    "missing data to inspect": (["data", "inspect", "/no/such"], ["/no/such"]),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_named_in_two_lines_and_nothing_is_written(case, lpt, home):
    before = sorted(home.rglob("*"))
    arguments, said = WRONG[case]
    refused(lpt(*arguments), *said)
    assert sorted(home.rglob("*")) == before


def test_an_empty_class_one_class_and_no_class_are_told(lpt, home, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    out = str(tmp_path / "out")
    refused(lpt("train", str(data), "--out", out), str(data))
    (data / "ant").mkdir()
    refused(lpt("train", str(data), "--out", out), "ant", "no image")
    shutil.copy(home / "photos" / "ant" / "00.png", data / "ant")
    refused(lpt("train", str(data), "--out", out), "one class", "two or more")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("content", [b"", b"text", None], ids=["empty", "no image", "truncated"])
def test_a_broken_picture_is_named(content, lpt, home, tmp_path):
    broken = tmp_path / "broken.png"
    whole = (home / "photos" / "ant" / "00.png").read_bytes()
    broken.write_bytes(whole[:100] if content is None else content)
    refused(lpt("predict", "run", str(broken)), str(broken))


def test_a_broken_picture_does_not_cost_the_others_their_predictions(lpt, home, tmp_path):
    pictures = shutil.copytree(home / "photos" / "ant", tmp_path / "ant")
    broken = pictures / "03.png"
    broken.write_bytes(broken.read_bytes()[:100])
    code, out, err = lpt("predict", "run", str(pictures))
    whole = sorted(p for p in pictures.iterdir() if p != broken)
    assert code == 2
    assert [line.split()[0] for line in out.splitlines()] == [str(p) for p in whole]
    assert str(broken) in err
    assert f"1 of {len(whole) + 1} images could not be read" in err


def test_a_stopped_training_says_how_to_go_on(lpt, tmp_path, monkeypatch):
    def stop(trainer: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Trainer, "run", stop)
    settings = [f"--set={name}={value}" for name, value in QUICK.items()]
    out = str(tmp_path / "mine")
    arguments = ["train", "photos", "--backbone", "vit.safetensors", "--out", out, *settings]
    code, _, err = lpt(*arguments)
    assert code == 130
    assert err.endswith(f"lpt: stopped. Go on with: lpt train --out {out} --resume\n")
    assert "Traceback" not in err


@pytest.mark.slow
def test_a_reader_that_leaves_early_is_no_traceback():
    """lpt backbones | head -1"""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "lpt", "backbones"],
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(writing)
    assert "Traceback" not in done.stderr
