"""Damaged inputs of every kind load, or end in one clear error, quickly and in little memory.

`make fuzz` runs as many cases as wanted.
"""

import subprocess
import sys
from pathlib import Path

import pytest
from tools.fuzz.engine import run_target
from tools.fuzz.targets import TARGETS

CASES = {"recipes": 300, "lists": 400, "images": 400, "tasks": 100}
"""Cases of a target here, by how long one takes."""


@pytest.mark.parametrize("name", [name for name in TARGETS if name != "settings"])
def test_every_case_loads_or_is_refused(name):
    report = run_target(TARGETS[name], CASES.get(name, 150))
    assert [(f.index, f.kind, f.text) for f in report.findings] == []
    # Runs from elsewhere whose names nobody trusts are all refused; elsewhere sound cases load.
    assert (report.loaded == 0) == (name == "resumes")
    assert report.refused > 0


def test_settings_load_or_are_refused_where_nothing_else_checks_their_types(tmp_path):
    """In a process of its own: tests check the types of some functions (tests/conftest.py)."""
    command = [sys.executable, "-m", "tools.fuzz", "--target", "settings", "--cases", "1500"]
    done = subprocess.run(
        [*command, "--out", tmp_path / "findings"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 findings" in done.stdout
