"""Damaged inputs of every kind load, or end in one clear error, quickly and in little memory.

`make fuzz` runs as many cases as wanted.
"""

import pytest
from tools.fuzz.engine import run_target
from tools.fuzz.targets import TARGETS

CASES = {"settings": 1500, "recipes": 300, "lists": 400, "images": 400, "tasks": 100}
"""Cases of a target here, by how long one takes."""


@pytest.mark.parametrize("name", TARGETS)
def test_every_case_loads_or_is_refused(name):
    report = run_target(TARGETS[name], CASES.get(name, 150))
    assert [(f.index, f.kind, f.text) for f in report.findings] == []
    assert report.loaded > 0
    assert report.refused > 0
