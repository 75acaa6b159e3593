"""`lpt analyze` from a run folder to its files."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from lpt.analysis import read_analysis, run_analysis
from lpt.analysis.analysis_results import Analysis, write_analysis
from lpt.analysis.collect import collect
from lpt.cli import app
from lpt.errors import ConfigError, DataError, RunError
from lpt.task import Task
from lpt.training.run.run_data import data_of_run

from .samples import analysed


@pytest.fixture(scope="module")
def here(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Analysis, Path]:
    return run_analysis(trained, out=tmp_path_factory.mktemp("here"), device="cpu")


def test_numbers_are_those_of_the_run(trained: Path, here: tuple[Analysis, Path]) -> None:
    results = json.loads((trained / "results.json").read_text())
    assert here[0].summary == pytest.approx(results["metrics"]["phase2"]["test"])
    assert [f.model for f in here[0].features] == ["plain", "phase1", "phase2"]
    assert here[0].neighbours["bank"] == sum(c.train_images for c in here[0].classes)


def test_what_is_written_is_read_back(here: tuple[Analysis, Path]) -> None:
    found, folder = here
    assert read_analysis(folder) == found
    rows = list(csv.DictReader((folder / "classes.csv").read_text().splitlines()))
    assert [row["name"] for row in rows] == ["ant", "bee", "cat", "dog"]
    wanted = "calibration classes coverage features images keys lda matching prompts"
    assert set(wanted.split()) <= {file.stem for file in folder.glob("*.csv")}
    for suspect in (*found.mistakes, *found.typical, *found.isolated):
        assert (folder / "images" / f"{suspect.index}.jpg").is_file()


def test_features_are_the_models_own(trained: Path) -> None:
    task = Task.load(trained, device="cpu")
    data = data_of_run(trained, task.spec.class_names)
    assert data is not None
    split = data.split("test")
    found = collect(task, split, batch=5)
    expected = task.run(split)
    assert (found.scores.chosen == expected.logits.argmax(axis=1)).all()
    assert (found.labels == expected.labels).all()
    weight = task.model.classifier.weight.detach().numpy()
    unit = found.final / np.linalg.norm(found.final, axis=1, keepdims=True)
    cosine = unit @ (weight / np.linalg.norm(weight, axis=1, keepdims=True)).T
    np.testing.assert_allclose(cosine, expected.logits, atol=1e-5)
    assert not np.allclose(found.features["plain"], found.features["phase1"])
    assert not np.allclose(found.features["phase1"], found.features["phase2"])


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
    with pytest.raises(ConfigError, match="--bank 0: choose 1 image or more"):
        run_analysis(trained, bank=0, device="cpu")
    task = shutil.copy(trained / "task.safetensors", tmp_path / "t.safetensors")
    with pytest.raises(ConfigError, match="--bank 8: a task file does not say where its training"):
        run_analysis(task, str(trained.parent / "photos"), bank=8, device="cpu")


def test_a_lone_task_file_needs_data_and_goes_without_neighbours(
    trained: Path, tmp_path: Path
) -> None:
    task = shutil.copy(trained / "task.safetensors", tmp_path / "t.safetensors")
    with pytest.raises(RunError, match="does not say where its data is"):
        run_analysis(task, device="cpu")
    found, folder = run_analysis(task, str(trained.parent / "photos"), device="cpu")
    assert folder == tmp_path / "analysis"
    assert (found.isolated, found.neighbours["bank"]) == ((), 0)
    assert all(f.knn == {} for f in found.features)


def test_classes_without_test_images_are_left_out_everywhere(found: Analysis) -> None:
    untested = found.classes[4]
    assert (untested.test_images, untested.recall) == (0, None)
    assert all(f.classes == 4 for f in found.features)
    assert found.matching is not None
    assert 4 not in {c.class_id for c in found.matching.classes}
    assert 4 not in {s.class_id for s in found.typical}
    assert 4 not in {s.class_id for s in found.short}


def test_a_single_test_image_is_enough() -> None:
    found = analysed([30, 20], np.array([1]))
    assert found.features[0].gamma is None
    assert found.images == 1


def test_a_damaged_analysis_is_named(tmp_path: Path, found: Analysis) -> None:
    write_analysis(tmp_path, found, found.confusions)
    file = tmp_path / "analysis.json"
    file.write_text(file.read_text().replace('"images": 120', '"images": "many"'))
    with pytest.raises(RunError, match=r"analysis\.json: cannot be read"):
        read_analysis(tmp_path)
    with pytest.raises(RunError, match="lpt analyze"):
        read_analysis(tmp_path / "nowhere")


def test_data_of_other_classes_is_refused(trained: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(trained.parent / "photos" / "ant", other / "wasp")
    shutil.copytree(trained.parent / "photos" / "ant", other / "ant")
    with pytest.raises(DataError, match="wasp"):
        run_analysis(trained, str(other), out=tmp_path, device="cpu")
