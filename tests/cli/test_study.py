"""lpt study: its lists, its files, and errors of one or two lines."""

import csv
import json
import re
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest

from lpt.cli import main
from lpt.studies.define.definition import load_study, study_names

from ..tiny import write_backbone, write_photos

Lpt = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("home")
    write_backbone(root / "vit.safetensors")
    write_photos(root / "photos")
    return root


@pytest.fixture
def lpt(home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Lpt:
    monkeypatch.chdir(home)

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["lpt", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return (ended.value.code, *capfd.readouterr())

    return call


QUICK = (
    "--data=photos", "--backbone=vit.safetensors", "--epochs=1", "--seeds=1", "--lrs=x1",
    "--device=cpu", "--set=phase1.batch_size=8", "--set=phase1.epoch_images=16",
    "--set=baseline.batch_size=8",
)  # fmt: skip


@pytest.mark.parametrize("arguments", [(), ("--list",)])
def test_studies_are_listed_with_their_tables(lpt, arguments):
    code, out, _ = lpt("study", *arguments)
    assert code == 0
    for line, name in zip(out.splitlines(), study_names(), strict=True):
        assert line.split()[0] == name
        assert line.endswith(f"({load_study(name).source})")


def test_help_names_the_extras_in_brackets(lpt):
    code, out, _ = lpt("study", "--help")
    assert code == 0
    assert {"lpt[slurm]", "lpt[ray]"} <= set(re.findall(r"lpt\[\w+\]", out))


def test_rows_of_a_study_are_listed_by_label(lpt):
    code, out, _ = lpt("study", "main", "--list", "--recipe=released")
    assert code == 0
    assert out.splitlines()[:2] == ["LPT (released)", "LPT (paper)"]


def test_a_plan_counts_the_runs_and_writes_nothing(lpt, home):
    code, out, err = lpt("study", "phases", *QUICK, "--lrs=x1/3,x1", "--only=both", "--plan")
    assert code == 0
    assert "6 (2 for learning-rate selection, 1 for the table, 3 of phase 1, from which " in err
    (row,) = [line.split() for line in out.splitlines() if line.startswith("both")]
    assert row[:9] == ["both", "phases", "0", "of", "2", "0", "of", "1", "~"]
    assert "Total time left on this machine: about " in out
    assert not (home / "runs").exists()


@pytest.mark.parametrize(
    ("arguments", "messages"),
    [
        (("tables",), ("study tables: unknown", "probe-vs-vpt")),
        (("phases",), ("--data",)),
        (("phases", "--data=nowhere"), ("nowhere: no such folder",)),
        (("phases", "--data=photos", "--backbone=vit_huge"), ("vit_huge: no such backbone",)),
        (("phases", *QUICK, "--lrs=fast"), ("--lrs: 'fast' is not a learning rate",)),
        (("phases", *QUICK, "--set=phase3.epochs=1"), ("phase3",)),
        (("phases", *QUICK, "--set=baseline.speed=1"), ("speed", "Known")),
        (("phases", *QUICK, "--init=magic"), ("magic",)),
        (
            ("phases", *QUICK, "--only=LPT"),
            ('--only "LPT": not a row of this study', "both phases"),
        ),
        (("phases", *QUICK, "--reference=LPT"), ('--reference "LPT"',)),
        (("phases", *QUICK, "--device=tpu"), ("tpu", "unknown. Choose")),
        (("phases", *QUICK, "--set=phase1.epochs=3"), ("--epochs 1 is given too. Keep one.",)),
        (("multitask", *QUICK), ("--other DATA",)),
    ],
)
def test_errors_are_one_or_two_lines(lpt, home, arguments, messages):
    code, out, err = lpt("study", *arguments)
    assert (code, out) == (2, "")
    message = "lpt: " + err.rpartition("lpt: ")[2]
    assert len(message.splitlines()) <= 2
    assert all(part in message for part in messages)
    assert not (home / "runs").exists()


@pytest.mark.slow
def test_a_study_prints_its_table_and_writes_it_in_four_formats(lpt, tmp_path):
    rows = ("no prompt, cross-entropy, balanced", "phase 1 of the recipe")
    only = [f"--only={row}" for row in rows]
    code, out, err = lpt("study", "phases", *QUICK, *only, f"--out={tmp_path}")
    assert code == 0
    for row in rows:
        (line,) = re.findall(rf"^{row} \*.*$", out, re.MULTILINE)
        assert len(line.split()) > 8
    assert "trained for fewer epochs" in out
    assert "2 of 2 runs done" in err
    tree = json.loads((tmp_path / "phases.json").read_text())
    table = list(csv.DictReader((tmp_path / "phases.csv").read_text().splitlines()))
    for kept, line, row in zip(tree["rows"], table, rows, strict=True):
        assert kept["label"] == line["label"] == row
        assert kept["scores"]["overall"]["mean"] == float(line["overall"])
        assert kept["fewer_epochs_than_standard"]
    assert (tmp_path / "phases.md").read_text().startswith("# phases")
    ET.parse(tmp_path / "phases.svg")


@pytest.mark.slow
def test_a_failed_run_sets_the_exit_code(lpt, tmp_path):
    arguments = ("phases", *QUICK, "--lrs=x1e30", "--only=phase 1 of the recipe")
    code, out, _ = lpt("study", *arguments, f"--out={tmp_path}")
    assert code == 1
    assert "! phase 1 of the recipe: phase1: " in out
