"""Policies for images that would spoil training."""

import pytest

from lpt.data.check.check_result import check_data
from lpt.data.check.policy import (
    apply_policy,
    spoiling_images,
    without_quarantined,
    write_quarantine,
)
from lpt.data.sources.open_data import open_data
from lpt.errors import ConfigError, DataError

from .flawed import put


def test_policy_error_lists_the_files(flawed):
    report = check_data(flawed, workers=0)
    with pytest.raises(DataError, match=r"5 images would spoil training: .*bad\.png \(empty\)"):
        apply_policy(flawed, report, "error")


def test_policy_skip_leaves_out_what_spoils_and_keeps_valid_test_images(flawed):
    kept = apply_policy(flawed, check_data(flawed, workers=0), "skip")
    names = {split: [s.name_of(i).rsplit("/", 2)[1:] for i in range(len(s))]
             for split, s in kept.splits.items()}  # fmt: skip
    assert names["train"] == [["owl", "1.png"], ["yak", "4.png"]]
    assert names["test"] == [["owl", "3.png"], ["yak", "5.png"]]


def test_clean_data_passes_under_error(tmp_path):
    data = put(tmp_path, {"train/a/1.png": 1, "train/b/2.png": 2})
    kept = apply_policy(data, check_data(data, workers=0), "error")
    assert kept.counts().tolist() == [1, 1]


def test_quarantine_list_does_what_skip_does_and_can_be_edited(flawed, tmp_path):
    report = check_data(flawed, workers=0)
    path = tmp_path / "quarantine.csv"
    assert write_quarantine(report, path) == len(spoiling_images(report)) == 5
    kept = without_quarantined(flawed, path)
    skipped = apply_policy(flawed, report, "skip")
    for name in ("train", "test"):
        assert kept.splits[name].positions.tolist() == skipped.splits[name].positions.tolist()
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], lines[1]]) + "\n")
    assert len(without_quarantined(flawed, path).splits["train"]) == 5


def test_quarantine_list_of_unsplit_data_holds_however_it_is_split(tmp_path):
    files = {f"{c}/{i}.png": 10 * c + i for c in range(2) for i in range(5)} | {"1/bad.png": b"x"}
    write_quarantine(check_data(put(tmp_path / "data", files), workers=0), tmp_path / "q.csv")
    for seed in range(6):
        data = open_data(tmp_path / "data", seed=seed)
        kept = without_quarantined(data, tmp_path / "q.csv")
        names = [kept_.name_of(i) for kept_ in kept.splits.values() for i in range(len(kept_))]
        assert len(names) == 10
        assert not any("bad" in name for name in names)


def test_quarantine_list_of_other_data_is_refused(flawed, tmp_path):
    (tmp_path / "q.csv").write_text("name,split,kind\nelsewhere.png,train,empty\n")
    with pytest.raises(DataError, match="none of its 1 images is in"):
        without_quarantined(flawed, tmp_path / "q.csv")
    (tmp_path / "q.csv").write_text("file\nx\n")
    with pytest.raises(DataError, match="not a quarantine list"):
        without_quarantined(flawed, tmp_path / "q.csv")


def test_class_that_loses_all_its_images_is_an_error(tmp_path):
    data = put(tmp_path, {"train/a/1.png": 1, "train/b/2.png": b"x"})
    with pytest.raises(DataError, match="class 'b' has no training image"):
        apply_policy(data, check_data(data, workers=0), "skip")


def test_unknown_policy_names_the_known(flawed):
    with pytest.raises(ConfigError, match="error, skip"):
        apply_policy(flawed, check_data(flawed, workers=0), "replace")
