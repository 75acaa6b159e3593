"""analysis.json and the CSV tables."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest

from lpt.analysis.analysis_results import VERSION, Analysis, read_analysis, write_analysis
from lpt.errors import RunError


def test_written_results_are_read_back(found: Analysis, tmp_path: Path) -> None:
    write_analysis(tmp_path, found, found.confusions)
    assert read_analysis(tmp_path) == found


def test_an_image_whose_name_is_not_utf_8_is_read_back_as_it_is_shown(found, tmp_path):
    image = replace(found.mistakes[0], name="dog/Gr\udcf6\udcdfe.jpg")
    write_analysis(tmp_path, replace(found, mistakes=(image,)), found.confusions)
    assert read_analysis(tmp_path).mistakes[0].name == r"dog/Gr\xf6\xdfe.jpg"
    assert b"dog/Gr\xf6\xdfe.jpg" in (tmp_path / "images.csv").read_bytes()  # the name itself


def test_tables_name_classes(found: Analysis, tmp_path: Path) -> None:
    write_analysis(tmp_path, found, found.confusions)
    rows = list(csv.DictReader((tmp_path / "confusions.csv").read_text().splitlines()))
    assert len(rows) == len(found.confusions)
    assert rows[0]["class"] == found.classes[found.confusions[0].class_id].name
    assert rows[0]["taken_for"] == found.classes[found.confusions[0].taken_for].name


def test_a_damaged_analysis_is_named(tmp_path: Path, found: Analysis) -> None:
    write_analysis(tmp_path, found, found.confusions)
    file = tmp_path / "analysis.json"
    file.write_text(file.read_text().replace('"images": 120', '"images": "many"'))
    with pytest.raises(RunError, match=r"analysis\.json: cannot be read"):
        read_analysis(tmp_path)
    with pytest.raises(RunError, match="lpt analyze"):
        read_analysis(tmp_path / "nowhere")


def test_the_old_name_of_coverage_is_read(tmp_path: Path, found: Analysis) -> None:
    write_analysis(tmp_path, found, found.confusions)
    file = tmp_path / "analysis.json"
    data = json.loads(file.read_text())
    for row in data["abstention"]:
        row["answered"] = row.pop("coverage")
    file.write_text(json.dumps(data))
    assert read_analysis(tmp_path) == found


def test_another_version_is_refused(tmp_path: Path, found: Analysis) -> None:
    write_analysis(tmp_path, found, found.confusions)
    file = tmp_path / "analysis.json"
    text = file.read_text()
    file.write_text(text.replace(f'"version": {VERSION}', '"version": 99'))
    assert file.read_text() != text
    with pytest.raises(RunError, match="written by another version of lpt"):
        read_analysis(tmp_path)
