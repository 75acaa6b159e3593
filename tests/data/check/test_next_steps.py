"""A check suggests what works."""

import shlex
from dataclasses import replace
from pathlib import Path

from lpt.data.check.check_result import check_data
from lpt.data.check.next_steps import next_steps
from lpt.data.image_tree import Problem

from .flawed import put


def test_the_list_is_named_if_there_is_one(flawed):
    report = check_data(flawed, workers=0)
    (line,) = next_steps(report, flawed, None)
    assert shlex.split(line)[1:] == ["lpt", "train", flawed.name, "--bad-images", "skip"]
    (line,) = next_steps(report, flawed, Path("my list.csv"))
    assert shlex.split(line)[-2:] == ["--bad-images", "my list.csv"]


def test_faults_of_folders_come_first(flawed):
    problem = Problem("empty-class", "x", "no images", "")
    report = check_data(flawed, workers=0)
    first, then = next_steps(report, replace(flawed, problems=(problem, problem)), None)
    assert first.startswith("first  repair 2 faults of folders")
    assert then.startswith("then  lpt train ")


def test_good_data_need_nothing(tmp_path):
    names = [f"{split}/{label}" for split in ("train", "test") for label in "ab"]
    sound = put(tmp_path, {f"{name}/{i}.png": i for i, name in enumerate(names)})
    assert next_steps(check_data(sound, workers=0), sound, None) == []
