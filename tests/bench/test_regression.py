"""A later measurement is compared with an earlier one by ratios."""

import json
from copy import deepcopy

import pytest

from lpt.bench.regression import HIGHER, NEWER, compare, read_baseline, render_check
from lpt.errors import ConfigError

RESULT = {
    **dict.fromkeys(HIGHER, 2.0),
    "structure_only": dict.fromkeys(HIGHER, 1.5),
    "memory_ratio": 0.7,
    "backbone": "random:vit_small_patch16_224",
    "batch": 8,
    "precision": "float32",
    "machine": "Some CPU",
    "images_per_second": {"bare": 20.0},
}


EARLY = dict.fromkeys(NEWER, 3.0)


@pytest.fixture
def baseline(tmp_path):
    path = tmp_path / "baseline.json"
    path.write_text(json.dumps(RESULT))
    return read_baseline(path)


def changed(**values):
    result = deepcopy(RESULT)
    result["structure_only"] |= values.pop("structure_only", {})
    return result | values


def test_the_same_numbers_are_no_regression(baseline):
    assert not any(one.worse for one in compare(RESULT, baseline))


@pytest.mark.parametrize("name", HIGHER)
def test_a_ratio_that_falls_beyond_the_tolerance_is_worse(baseline, name):
    for now, worse in ((1.85, False), (1.7, True), (3.0, False)):
        found = compare(changed(**{name: now}), baseline)
        assert [one.name for one in found if one.worse] == [name] * worse
    assert not any(one.worse for one in compare(changed(**{name: 1.7}), baseline, tolerance=0.2))


def test_ratios_that_the_earlier_measurement_lacks_are_left_out(baseline, tmp_path):
    assert not set(NEWER) & {one.name for one in compare(RESULT | EARLY, baseline)}
    both = {**RESULT, **EARLY, "structure_only": {**RESULT["structure_only"], **EARLY}}
    newer = tmp_path / "newer.json"
    newer.write_text(json.dumps(both))
    slower = {**both, NEWER[0]: 2.0}
    found = compare(slower, read_baseline(newer))
    assert [one.name for one in found if one.worse] == [NEWER[0]]


def test_the_structure_alone_and_memory_are_compared_too(baseline):
    slower = changed(structure_only={"phase2_speedup": 1.0}, memory_ratio=0.9)
    names = [one.name for one in compare(slower, baseline) if one.worse]
    assert names == ["structure_only.phase2_speedup", "memory_ratio"]
    assert not any(one.worse for one in compare(changed(memory_ratio=0.5), baseline))


def test_the_table_marks_what_is_worse_and_another_machine(baseline):
    slower = changed(phase1_speedup=1.0, machine="Other CPU")
    text = render_check(compare(slower, baseline), slower, baseline)
    rows = [line.split() for line in text.splitlines()]
    assert ["phase1_speedup", "2.00", "1.00", "-50%", "worse"] in rows
    assert text.endswith("note  measured before on another machine: Some CPU")


@pytest.mark.parametrize("content", ["", "{}", '{"batch": "many"}', "[" * 5000])
def test_a_file_that_is_no_measurement_is_refused(tmp_path, content):
    path = tmp_path / "other.json"
    path.write_text(content)
    with pytest.raises(ConfigError, match=r"other\.json: cannot be read .* lpt bench --json"):
        read_baseline(path)
