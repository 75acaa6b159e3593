"""Policies for images that would spoil training."""

import pytest

from lpt.data.check.check_result import check_data
from lpt.data.check.policy import apply_policy
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


def test_class_that_loses_all_its_images_is_an_error(tmp_path):
    data = put(tmp_path, {"train/a/1.png": 1, "train/b/2.png": b"x"})
    with pytest.raises(DataError, match="class 'b' has no training image"):
        apply_policy(data, check_data(data, workers=0), "skip")


def test_unknown_policy_names_the_known(flawed):
    with pytest.raises(ConfigError, match="error, skip"):
        apply_policy(flawed, check_data(flawed, workers=0), "replace")
