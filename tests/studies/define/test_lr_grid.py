"""Rates are multiples of a method's own, or rates as they are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpt.baselines import RivalSettings
from lpt.errors import ConfigError
from lpt.studies.define.lr_grid import DEFAULT_RATES, Rate, parse_rates, scaled_rival


def test_multiples_and_rates_are_read():
    assert parse_rates(None) == DEFAULT_RATES
    assert parse_rates("x1/3, x1,x3") == DEFAULT_RATES
    assert parse_rates("0.001,1e-2") == (Rate(0.001, False), Rate(0.01, False))
    assert parse_rates("x1,x1") == (Rate(1.0),)


def test_they_are_told_as_they_are_written():
    assert [str(rate) for rate in parse_rates("x1/3,x3,0.001")] == ["x1/3", "x3", "0.001"]


@pytest.mark.parametrize("text", ["", "x", "fast", "0", "-1", "x1/0", "inf", "nan", "0.1,,0.2"])
def test_what_is_no_rate_is_refused(text):
    with pytest.raises(ConfigError, match=r"--rates: .* is no rate"):
        parse_rates(text)


@given(st.text(max_size=12))
def test_any_text_is_rates_or_an_error_of_one_line(text):
    try:
        rates = parse_rates(text)
    except ConfigError as error:
        told = str(error)
        assert told.startswith("--rates")
        assert "\n" not in told
    else:
        assert all(rate.value > 0 for rate in rates)


def test_both_rates_of_a_rival_are_multiplied_alike():
    settings = RivalSettings(rate=0.01, classifier_rate=0.1)
    tripled = scaled_rival(settings, Rate(3.0))
    assert (tripled.rate, tripled.classifier_rate) == pytest.approx((0.03, 0.3))
    absolute = scaled_rival(settings, Rate(0.02, relative=False))
    assert (absolute.rate, absolute.classifier_rate) == pytest.approx((0.02, 0.2))
    assert scaled_rival(RivalSettings(rate=0.01), Rate(3.0)).classifier_rate is None
