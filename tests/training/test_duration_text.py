"""Durations as a user writes them."""

import pytest

from lpt.errors import ConfigError
from lpt.training.duration_text import budget_text, parse_budget


@pytest.mark.parametrize(
    ("text", "wanted"), [("90s", 90), ("20m", 1200), ("1.5h", 5400), ("0.5m", 30)]
)
def test_budgets_are_read_with_their_unit(text, wanted):
    assert parse_budget(text) == wanted


@pytest.mark.parametrize("text", ["", "m", "-5m", "0", "nan", "inf", "1e99h", "5d", "20 minutes"])
def test_an_invalid_duration_is_refused(text):
    with pytest.raises(ConfigError, match=r"budget .*: write a time such as 90s, 20m or 1.5h"):
        parse_budget(text)


@pytest.mark.parametrize("seconds", [0.01, 1, 59.5, 90, 119.2, 120, 149, 599.5, 600, 3601, 5400])
def test_a_budget_that_is_written_is_no_shorter_when_it_is_given_again(seconds):
    text = budget_text(seconds).replace(" min", "m").replace(" s", "s")
    assert seconds <= parse_budget(text) < seconds + 60
    assert seconds > 600 or parse_budget(text) < seconds + 1
