"""Durations as a user writes them."""

import pytest

from lpt.errors import ConfigError
from lpt.training.duration_text import parse_budget


@pytest.mark.parametrize(
    ("text", "wanted"), [("90s", 90), ("20m", 1200), ("1.5h", 5400), ("0.5m", 30)]
)
def test_budgets_are_read_with_their_unit(text, wanted):
    assert parse_budget(text) == wanted


@pytest.mark.parametrize("text", ["", "m", "-5m", "0", "nan", "inf", "1e99h", "5d", "20 minutes"])
def test_an_invalid_duration_is_refused(text):
    with pytest.raises(ConfigError, match=r"budget .*: write a time such as 90s, 20m or 1.5h"):
        parse_budget(text)
