"""Reading a finished run."""

import shutil
from pathlib import Path

import pytest

from lpt.analysis.analysis_results import Analysis
from lpt.analysis.report.finished_run import (
    check_finished,
    distinct_labels,
    flat_settings,
    read_finished_run,
)
from lpt.errors import RunError


def test_all_files_are_read(synthetic: Path, found: Analysis) -> None:
    run = read_finished_run(synthetic)
    assert (run.name, run.analysis, len(run.metrics)) == ("one", found, 6)
    assert run.spec.class_names == tuple(c.name for c in found.classes)
    assert run.results["task_bytes"] == 1_000_000
    check_finished(synthetic)


def test_thumbnails_are_data_uris(synthetic: Path, found: Analysis) -> None:
    run = read_finished_run(synthetic)
    assert (run.picture(found.typical[0].index) or "").startswith("data:image/jpeg;base64,")
    assert run.picture(10_000) is None


def test_settings_are_flattened_to_yaml(synthetic: Path) -> None:
    settings = flat_settings(read_finished_run(synthetic).config)
    assert (settings["seed"], settings["data.source"]) == ("0", "x")
    assert settings["augment.crop_scale"].startswith("[")


def test_a_damaged_file_is_named(synthetic: Path, tmp_path: Path) -> None:
    run = shutil.copytree(synthetic, tmp_path / "run")
    (run / "results.json").write_text("{")
    with pytest.raises(RunError, match=r"results\.json: cannot be read"):
        read_finished_run(run)


def test_runs_of_one_folder_name_are_told_apart_by_their_parents() -> None:
    paths = [Path("x/a/run"), Path("x/b/run"), Path("y/other")]
    assert distinct_labels(paths) == ["a/run", "b/run", "other"]
