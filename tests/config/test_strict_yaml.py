"""YAML from outside is small when written out, and its errors name the line."""

import time

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lpt.config.strict_yaml import MAX_BYTES, YamlError, read_yaml

BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "\n".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)
)
MERGES = "m0: &m0 {k0: 1}\n" + "\n".join(
    f"m{n}: &m{n} {{<<: [{', '.join([f'*m{n - 1}'] * 10)}], k{n}: 1}}" for n in range(1, 10)
)


@pytest.mark.parametrize("text", [BOMB, MERGES])
def test_a_small_text_that_stands_for_billions_of_values_is_refused_at_once(text):
    began = time.monotonic()
    with pytest.raises(YamlError, match="more than 5,000 values when aliases are written out"):
        read_yaml(text)
    assert len(text) < 1000
    assert time.monotonic() - began < 1


@pytest.mark.parametrize("text", ["[" * 30_000, "{a: " * 8000, "- " * 20_000, "? " * 20_000])
def test_deep_nesting_is_refused_at_once(text):
    began = time.process_time()
    with pytest.raises(YamlError, match="nested more than 20 deep"):
        read_yaml(text)
    assert time.process_time() - began < 20  # minutes if the whole text were parsed


def test_anchors_and_merge_keys_of_a_small_text_are_read():
    text = "phase1: &phase { epochs: 5, eta: 0.5 }\nphase2: { <<: *phase, epochs: 7 }"
    assert read_yaml(text).value["phase2"] == {"epochs": 7, "eta": 0.5}


@pytest.mark.parametrize(
    ("text", "problem", "line"),
    [
        ("a: 1\nb: [", "expected the node content, but found '<stream end>'", 2),
        ("a: 1\nb: 2\na: 3", "a is given twice, first in line 1", 3),
        ("a:\n  b: 1\n  b: 2", "b is given twice, first in line 2", 3),
        ("a: &a [*a]", "a value contains itself", 1),
        ("a: *b", "found undefined alias 'b'", 1),
        ("a: !!python/object:os.system x", "could not determine a constructor", 1),
        ("a: 1\nb: \x00", r"character U\+0000 is not allowed", 2),
        ("[" * 100 + "]" * 100, "nested more than 20 deep", 1),
        ("[" * 30_000, "nested more than 20 deep", 1),
        ("a: 1\n--- \nb: 2", "but found another document", 2),
        ("a: 2020-99-99", "month must be in", None),
        ("a: " + "9:" * 20_000 + "9.5", "too large", None),
        ("x" * (MAX_BYTES + 1), "longer than 65,536 characters", None),
        ("? [1, 2]\n: 3", "found unhashable key", 1),
    ],
)
def test_a_problem_is_named_with_its_line(text, problem, line):
    with pytest.raises(YamlError, match=problem) as refused:
        read_yaml(text)
    if line is not None:
        assert refused.value.line == line
    assert len(str(refused.value).splitlines()) == 1


@given(st.text(max_size=60) | st.text("[]{}&*a:<> -\n!|'\"?,0.9_x", max_size=60))
def test_any_text_is_read_as_pyyaml_reads_it_or_refused(text):
    problem = ""
    try:
        found = read_yaml(text).value
    except YamlError as refused:
        problem = str(refused)
    if not problem:
        assert repr(found) == repr(yaml.safe_load(text))
    assert len(problem.splitlines()) <= 1


def test_the_line_of_a_setting_or_of_the_section_around_it():
    document = read_yaml("seed: 1\nphase1:\n  optim:\n    lr: 2")
    assert document.line_of(("phase1", "optim", "lr")) == 4
    assert document.line_of(("phase1", "optim", "rate")) == 3
    assert document.line_of(("phase2", "epochs")) is None
