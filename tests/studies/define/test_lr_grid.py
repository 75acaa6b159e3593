"""Candidates are multiples of a method's default learning rate, or absolute ones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpt.baselines import BaselineSettings
from lpt.errors import ConfigError
from lpt.studies.define.lr_grid import DEFAULT_LRS, LearningRate, parse_lrs, scaled_baseline


def test_multiples_and_absolute_learning_rates_are_parsed():
    assert parse_lrs(None) == DEFAULT_LRS
    assert parse_lrs("x1/3, x1,x3") == DEFAULT_LRS
    assert parse_lrs("0.001,1e-2") == (LearningRate(0.001, False), LearningRate(0.01, False))
    assert parse_lrs("x1,x1") == (LearningRate(1.0),)


def test_candidates_print_as_they_are_written():
    assert [str(lr) for lr in parse_lrs("x1/3,x3,0.001")] == ["x1/3", "x3", "0.001"]


@pytest.mark.parametrize("text", ["", "x", "fast", "0", "-1", "x1/0", "inf", "nan", "0.1,,0.2"])
def test_invalid_candidates_are_refused(text):
    with pytest.raises(ConfigError, match=r"^--lrs: .* is not a learning rate"):
        parse_lrs(text)


@given(st.text(max_size=12))
def test_any_text_gives_candidates_or_an_error_of_one_line(text):
    try:
        lrs = parse_lrs(text)
    except ConfigError as error:
        message = str(error)
        assert message.startswith("--lrs")
        assert "\n" not in message
    else:
        assert all(lr.value > 0 for lr in lrs)


def test_both_learning_rates_of_a_baseline_are_scaled():
    settings = BaselineSettings(lr=0.01, classifier_lr=0.1)
    tripled = scaled_baseline(settings, LearningRate(3.0))
    assert (tripled.lr, tripled.classifier_lr) == pytest.approx((0.03, 0.3))
    absolute = scaled_baseline(settings, LearningRate(0.02, relative=False))
    assert (absolute.lr, absolute.classifier_lr) == pytest.approx((0.02, 0.2))
    assert scaled_baseline(BaselineSettings(lr=0.01), LearningRate(3.0)).classifier_lr is None
