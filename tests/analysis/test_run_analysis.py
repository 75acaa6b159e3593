"""`lpt analyze` from a run folder to its files."""

import csv
import importlib
import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lpt.analysis import read_analysis, run_analysis
from lpt.analysis.analysis_results import Analysis
from lpt.analysis.labels.suspects import Suspect
from lpt.cli import app
from lpt.data.check.quarantine import without_quarantined
from lpt.data.sources.open_data import open_data
from lpt.errors import ConfigError, RunError
from lpt.evaluation.thresholds import read_thresholds
from lpt.task.task_digest import task_digest


@pytest.fixture(scope="module")
def here(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Analysis, Path]:
    return run_analysis(trained, out=tmp_path_factory.mktemp("here"), device="cpu")


def test_numbers_are_those_of_the_run(trained: Path, here: tuple[Analysis, Path]) -> None:
    results = json.loads((trained / "results.json").read_text())
    assert here[0].summary == pytest.approx(results["metrics"]["phase2"]["test"])
    assert [f.model for f in here[0].features] == ["plain", "phase1", "phase2"]
    assert here[0].neighbours["bank"] == sum(c.train_images for c in here[0].classes)


def test_source_data_join_the_plane(trained: Path, tmp_path: Path) -> None:
    photos = trained.parent / "photos"
    found, _ = run_analysis(trained, source=str(photos), out=tmp_path, device="cpu")
    assert found.plane is not None
    assert len(found.plane.names) == 4
    assert sum("source" in name for name in found.plane.names) == 2


def test_a_smaller_bank_holds_equally_many_of_each_class(
    trained: Path, here: tuple[Analysis, Path], tmp_path: Path
) -> None:
    options = ["--out", str(tmp_path), "--device", "cpu", "--bank", "8"]
    assert CliRunner().invoke(app, ["analyze", str(trained), *options]).exit_code == 0
    found, whole = read_analysis(tmp_path), here[0]
    assert (found.neighbours["bank"], found.neighbours["most_of_a_class"]) == (8, 2)
    assert found.summary == whole.summary
    assert [f.gamma for f in found.features] == [f.gamma for f in whole.features]
    assert found.isolated != whole.isolated


def test_a_bank_that_cannot_be_is_refused(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="bank=0: choose 1 image or more"):
        run_analysis(trained, bank=0, device="cpu")
    task = shutil.copy(trained / "task.safetensors", tmp_path / "t.safetensors")
    own = str(trained.parent / "vit.safetensors")  # a file does not choose a path
    with pytest.raises(
        ConfigError, match="bank=8: a task file does not record its training images"
    ):
        run_analysis(task, str(trained.parent / "photos"), bank=8, device="cpu", backbone=own)


def test_a_task_file_needs_data_and_has_no_neighbours(trained: Path, tmp_path: Path) -> None:
    task = shutil.copy(trained / "task.safetensors", tmp_path / "t.safetensors")
    own = str(trained.parent / "vit.safetensors")
    with pytest.raises(RunError, match="does not record its data"):
        run_analysis(task, device="cpu", backbone=own)
    found, folder = run_analysis(task, str(trained.parent / "photos"), device="cpu", backbone=own)
    assert folder == tmp_path / "analysis"
    assert (found.isolated, found.neighbours["bank"]) == ((), 0)
    assert all(f.knn == {} for f in found.features)


def test_tables_and_thumbnails_are_written(here: tuple[Analysis, Path]) -> None:
    found, folder = here
    assert read_analysis(folder) == found
    rows = list(csv.DictReader((folder / "classes.csv").read_text().splitlines()))
    assert [row["name"] for row in rows] == ["ant", "bee", "cat", "dog"]
    wanted = "calibration classes coverage features images keys lda matching prompts"
    assert set(wanted.split()) <= {file.stem for file in folder.glob("*.csv")}
    for image in (*found.mistakes, *found.typical, *found.isolated):
        assert (folder / "images" / f"{image.index}.jpg").is_file()


def test_suspects_are_lists_that_training_takes(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suspects = (Suspect(0, 0, 1, 0.95), Suspect(3, 0, 1, 0.92))
    module = importlib.import_module("lpt.analysis.run_analysis")  # the package has the function
    monkeypatch.setattr(module, "find_suspects", lambda *_: suspects)
    found, folder = run_analysis(trained, out=tmp_path / "analysis", device="cpu")
    rows = list(csv.DictReader((folder / "suspects.csv").read_text().splitlines()))
    assert found.training_suspects == len(rows) == len(found.training_label_errors) == 2
    assert {row["split"] for row in rows} == {"train"}
    assert all((trained.parent / "photos" / row["name"]).is_file() for row in rows)
    assert (folder / "images" / "train-3.jpg").is_file()
    data = open_data(trained.parent / "photos")
    kept = without_quarantined(data, folder / "suspects.csv")
    assert len(kept.splits["train"]) == len(data.splits["train"]) - 2


def test_thresholds_are_those_of_the_task(trained: Path, here: tuple[Analysis, Path]) -> None:
    found, folder = here
    table = read_thresholds(folder / "thresholds.json", task_digest(trained))
    assert (table.images, table.split) == (found.images, "test")
    assert table.thresholds[0].accuracy == pytest.approx(found.summary["overall"])


def test_the_main_findings_are_printed(trained: Path, tmp_path: Path) -> None:
    options = ["--out", str(tmp_path), "--device", "cpu"]
    out = CliRunner().invoke(app, ["analyze", str(trained), *options]).stdout
    heads = [line.split()[0] for line in out.splitlines()]
    assert heads[:2] == ["accuracy", "confused"]
    assert {"labels", "confidence", "analysis"} <= set(heads)
    assert "next" not in heads  # the report reads RUN/analysis, which this is not
