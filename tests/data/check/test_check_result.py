"""Results of checks as text and JSON."""

import json

import pytest

from lpt.data.check.check_result import check_data, render_check
from lpt.data.sources.open_data import open_data

from .flawed import put


def test_clean_data_has_no_findings(tmp_path):
    data = put(tmp_path, {f"train/{c}/{i}.png": 10 * c + i for c in (1, 2) for i in range(5)})
    report = check_data(data, workers=0)
    assert report.findings == ()
    assert not report.spoiled
    assert "nothing that would spoil training" in render_check(report)


def test_json_and_text_name_kinds_and_files(flawed):
    report = check_data(flawed, workers=0)
    content = json.loads(report.to_json())
    assert content["spoiled"] is True
    assert content["counts"] == {"empty": 1, "not-image": 1, "two-labels": 1, "leak": 1}
    text = render_check(report)
    assert "train/owl/bad.png (owl)" in text
    assert "would spoil training or evaluation" in text


@pytest.mark.slow
def test_known_flaws_of_tiny_imagenet_a_are_found(shared):
    report = check_data(open_data(shared / "tiny-imagenet-a", val_fraction=0), workers=2)
    assert (report.count("two-labels"), report.count("leak")) == (9, 2)
    assert sum(report.images.values()) == 55_000
