"""Results of checks as text and JSON."""

import json
from dataclasses import replace

import numpy as np
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


def test_faults_of_folders_are_findings_beside_those_of_images(tmp_path):
    put(tmp_path / "pics", {"a/1.png": 1, "a/2.png": b"x", "b/3.png": 3})
    (tmp_path / "pics" / "c").mkdir()
    (tmp_path / "pics" / "c" / ".hidden.png").write_bytes(b"")
    (tmp_path / "pics" / "b" / "art.psd").write_bytes(b"8BPS")
    report = check_data(open_data(tmp_path / "pics", lenient=True), workers=0)
    kinds = [finding.kind for finding in report.findings]
    assert kinds == ["empty-class", "unsupported", "not-image"]
    text = render_check(report)
    for part in ("pics/c: the class folder has no images", "art.psd: PSD images", "a/2.png (a)"):
        assert part in text
    assert "left out  1 hidden file or folder (c/.hidden.png)" in text
    assert json.loads(report.to_json())["notes"] == list(report.notes)


def test_data_that_training_refuses_is_checked_all_the_same(tmp_path):
    put(tmp_path / "pics", {"a/1.png": 1, "b/2.png": 2})
    (tmp_path / "list.csv").write_text(
        "path,label,split\npics/a/1.png,a,train\npics/b/2.png,b,test\n"
    )
    report = check_data(open_data(tmp_path / "list.csv", lenient=True), workers=0)
    assert [finding.kind for finding in report.findings] == ["structure"]
    assert "1 of 2 classes have no training image: 'b'" in render_check(report)


FLAWED = ("orange", "lemon", "banana", "mantis", "walking stick", "miniskirt", "fur coat")


@pytest.mark.slow
def test_known_flaws_of_tiny_imagenet_a_are_found(shared):
    """All images have the same 11 findings in 40 s: `lpt data check tiny-imagenet-a`."""
    data = open_data(shared / "tiny-imagenet-a", val_fraction=0)
    flawed = [i for i, name in enumerate(data.class_names) if name.split(" [")[0] in FLAWED]
    assert len(flawed) == len(FLAWED)
    some = {}
    for name, split in data.splits.items():
        kept = np.isin(split.labels, flawed) | (split.positions % 20 == 0)
        some[name] = split.take(np.flatnonzero(kept))
    report = check_data(replace(data, splits=some), workers=0)
    assert (report.count("two-labels"), report.count("leak")) == (9, 2)
    assert len(report.findings) == 11
    assert 5_000 < sum(report.images.values()) < 7_000
