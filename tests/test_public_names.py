"""What `import lpt` offers, that it does no work, and that its examples run."""

import doctest
import importlib
import shutil
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

import lpt

GOLDEN = Path(__file__).parent / "golden" / "v0_1"


def test_these_are_the_public_names():
    assert lpt.__all__ == [
        "LptError",
        "Prediction",
        "Task",
        "evaluate",
        "load",
        "open_data",
        "train",
    ]
    assert dir(lpt) == sorted([*lpt.__all__, "__version__"])


def test_the_version_is_that_of_the_package():
    assert lpt.__version__ == version("lpt")


def test_every_public_name_can_be_had_and_is_documented():
    for name in lpt.__all__:
        assert getattr(lpt, name).__doc__


def test_other_names_are_no_attributes():
    assert not hasattr(lpt, "no_such_name")


@pytest.mark.slow
@pytest.mark.parametrize(
    "module",
    [
        "lpt",
        "lpt.api.evaluate_task",
        "lpt.api.train_request",
        "lpt.api.train_task",
        "lpt.cli.options",
        "lpt.devices",
        "lpt.errors",
        "lpt.task.load_path",
        "lpt.task.prediction",
        "lpt.task.trained_task",
    ],
)
def test_examples_of_public_names_run(module, tmp_path, monkeypatch):
    """In a folder with the run runs/digits and the image 7.png."""
    shutil.copytree(GOLDEN / "run", tmp_path / "runs" / "digits")
    shutil.copy(GOLDEN / "images" / "7.png", tmp_path)
    monkeypatch.chdir(tmp_path)
    names = {"lpt": lpt, "np": np, "Path": Path}
    results = doctest.testmod(importlib.import_module(module), extraglobs=names)
    assert results.failed == 0
    assert results.attempted > 0
