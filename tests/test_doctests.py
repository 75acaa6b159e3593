"""Examples in docstrings print what they say.

They run in a folder that holds a run, `runs/digits`, and an image, `7.png`.
"""

import doctest
import shutil
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

import lpt

GOLDEN = Path(__file__).parent / "golden" / "v0_1"
SRC = Path(__file__).parents[1] / "src"
WITH_EXAMPLES = sorted(
    path.relative_to(SRC).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__")
    for path in SRC.rglob("*.py")
    if ">>> " in path.read_text(encoding="utf-8")
)
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_print_what_they_say(name, tmp_path, monkeypatch):
    shutil.copytree(GOLDEN / "run", tmp_path / "runs" / "digits")
    shutil.copy(GOLDEN / "images" / "7.png", tmp_path)
    monkeypatch.chdir(tmp_path)
    usual = {"lpt": lpt, "np": np, "Path": Path}
    result = doctest.testmod(import_module(name), extraglobs=usual, optionflags=FLAGS)
    assert result.attempted
    assert not result.failed
