"""Every command that an output or an error suggests can be pasted, and works."""

import csv
import importlib
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from lpt.analysis.labels.suspects import Suspect
from lpt.training.trainer import Trainer

from .running import FLAGS, Lpt, refused

COMMAND = re.compile(r"(?:^next +|^  |: )(lpt [a-z].*)$", re.MULTILINE)
PLACEHOLDERS = {"IMAGE...": "my photos/ant/00.png", "PATH": "my photos"}
SHORT = {"report": ["--out", "suggested.html"], "train": FLAGS}
"""Options that keep a suggested command short, or its output apart."""


def suggested(text: str) -> list[list[str]]:
    """Words of the commands that a text suggests."""
    return [shlex.split(re.sub(r"(?<!\.)\.$", "", line)) for line in COMMAND.findall(text)]


@pytest.fixture
def place(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: photos, a backbone and a run, whose names have blanks."""
    shutil.copytree(home / "photos", tmp_path / "my photos")
    shutil.copy(home / "vit.safetensors", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def trained(command: Lpt, *words: str) -> str:
    vit = ("--backbone", "vit.safetensors", "--out", "my run")
    code, out, err = command("train", "my photos", *vit, *FLAGS, *words)
    assert code == 0, err
    return out


def work(command: Lpt, text: str, *expected: str) -> Iterator[str]:
    """Run what a text suggests: one command for each expected beginning; return outputs."""
    found = suggested(text)
    for words, start in zip(found, expected, strict=True):
        assert " ".join(words).startswith(start)
    for words in found:
        resumes = "--resume" in words
        arguments = [PLACEHOLDERS.get(word, word) for word in words[1:]]
        extra = [] if resumes else SHORT.get(arguments[0], [])
        code, out, err = command(*arguments, *extra)
        assert code == 0, (words, err)
        yield out + err


@pytest.mark.slow
def test_what_training_evaluation_and_analysis_suggest_works(command: Lpt, place: Path):
    list(work(command, trained(command), "lpt predict my run", "lpt evaluate my run"))
    _, out, _ = command("analyze", "my run")
    list(work(command, out, "lpt report my run"))


@pytest.mark.slow
def test_an_analysis_elsewhere_or_of_a_task_file_suggests_no_report_that_cannot_find_it(
    command: Lpt, place: Path
):
    trained(command)
    shutil.copy(place / "my run" / "task.safetensors", place / "alone.safetensors")
    vit = str(place / "vit.safetensors")
    for words in (["my run"], ["alone.safetensors", "my photos", "--backbone", vit]):
        code, out, err = command("analyze", *words, "--out", "elsewhere")
        assert code == 0, err
        assert suggested(out) == []


@pytest.mark.slow
def test_what_data_tools_suggest_works(command: Lpt, place: Path):
    for tool in (["split"], ["longtail", "--imbalance", "3"]):
        name, *options = tool
        _, out, err = command("data", name, "my photos", f"my {name}.csv", *options)
        assert err == ""
        (words,) = suggested(out)
        assert words[:2] == ["lpt", "train"]
        assert command("data", "inspect", words[2])[0] == 0


@pytest.mark.slow
def test_training_without_bad_images_works_as_the_check_suggests(command: Lpt, place: Path):
    (place / "my photos" / "ant" / "bad.png").write_bytes(b"no image")
    quarantine = ("--quarantine", "my list.csv", "--workers", "0")
    code, out, _ = command("data", "check", "my photos", *quarantine)
    assert code == 1
    (words,) = suggested(out)
    vit = ("--backbone", "vit.safetensors", "--out", "my run")
    code, _, err = command(*words[1:], *vit, *FLAGS)
    assert code == 0
    assert "left out  1 image of the data" in err


@pytest.mark.slow
def test_training_without_suspects_works_as_the_analysis_suggests(
    command: Lpt, place: Path, monkeypatch
):
    """The list of suspects replaces that of the run, so it names the images of both."""
    (place / "my photos" / "ant" / "bad.png").write_bytes(b"no image")
    command("data", "check", "my photos", "--quarantine", "my list.csv", "--workers", "0")
    trained(command, "--bad-images", "my list.csv")
    found = (Suspect(0, 0, 1, 0.95), Suspect(2, 0, 1, 0.92))
    module = importlib.import_module("lpt.analysis.run_analysis")  # the package has the function
    monkeypatch.setattr(module, "find_suspects", lambda *_: found)
    code, out, err = command("analyze", "my run")
    assert code == 0, err
    kinds = [row["kind"] for row in csv.DictReader((place / "my run/analysis/suspects.csv").open())]
    assert kinds == ["suspect-label", "suspect-label", "left-out"]
    words, report = suggested(out)
    assert report[:2] == ["lpt", "report"]
    code, _, err = command(*words[1:], "--out", "again")
    assert code == 0, err
    assert "left out  3 images of the data" in err
    code, _, err = command("report", "my run")
    assert code == 0, err
    page = (place / "my run" / "report.html").read_text()
    assert page.index("<h3>Training images</h3>") < page.index("2 in <code>analysis/suspects.csv")


@pytest.mark.slow
def test_a_stopped_and_an_unfinished_run_resume_and_a_finished_one_says_so(
    command: Lpt, place: Path, monkeypatch
):
    def stop(trainer: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "run", stop)
        vit = ("--backbone", "vit.safetensors", "--out", "my run")
        code, _, err = command("train", "my photos", *vit, *FLAGS)
        assert code == 130
        _, _, unfinished = command("predict", "my run", "my photos")
    again = "lpt train --out my run --resume"
    assert (
        suggested(unfinished)
        == suggested(err)
        == [shlex.split("lpt train --out 'my run' --resume")]
    )
    list(work(command, err, again))
    (shown,) = work(command, err, again)
    assert "run       my run (already finished: it is only scored again)" in shown
    # The data moved: the new place is a placeholder.
    (place / "my photos").rename(place / "old")
    _, _, moved = command("evaluate", "my run")
    (words,) = suggested(moved)
    arguments = ["old" if word == "PATH" else word for word in words[1:]]
    assert command(*arguments)[0] == 0


@pytest.mark.slow
def test_a_bad_image_names_the_ways_around_it(command: Lpt, place: Path):
    (place / "my photos" / "ant" / "bad.png").write_bytes(b"no image")
    vit = ("--backbone", "vit.safetensors", "--out", "my run")
    code, _, err = command("train", "my photos", *vit, *FLAGS)
    assert code == 2
    assert "To leave such images out: --bad-images skip." in err
    ((program, *words),) = suggested(err)
    assert (program, words[:2]) == ("lpt", ["data", "check"])
    assert command(*words, "--workers", "0")[0] == 1  # it finds the image


def test_the_demo_that_is_stopped_says_how_to_resume_it(command: Lpt, tmp_path, monkeypatch):
    def stop(trainer: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Trainer, "run", stop)
    monkeypatch.setattr("lpt.studies.demo.train_baseline", lambda *_: stop(_))
    out = str(tmp_path / "my demo")
    code, _, err = command("demo", "--out", out)
    assert code == 130
    assert suggested(err) == [["lpt", "train", "--out", out, "--resume"]]
    monkeypatch.undo()
    refused(command("demo", "--out", out), "exists and is not empty")
