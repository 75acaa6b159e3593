"""Arguments that no system can take are named with the reason."""

from pathlib import Path

import pytest

from lpt.arguments import at_least, fraction, path_text
from lpt.errors import ParameterError


@pytest.mark.parametrize("value", ["photos", Path("a/b"), "k\udcf6nig", "p:list=a.csv,test=b", ""])
def test_a_path_is_returned_as_text(value):
    assert path_text("data", value) == str(value)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (5, "data: int given. Give a path or a name"),
        (b"photos", "data: bytes given"),
        ("a\0b", r"data 'a\\x00b': contains a character that no path can have"),
        ("\ud800", "contains a character that no path can have"),
        ("x" * 256, "longer than any path"),
        ("ab/" * 5000, "longer than any path"),
    ],
)
def test_what_is_no_path_is_refused(value, said):
    with pytest.raises(ParameterError, match=said) as refused:
        path_text("data", value)
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize("value", [-0.1, 1, 1.5, float("nan"), True, "0.5", None, 10**400])
def test_what_is_no_fraction_is_refused(value):
    with pytest.raises(ParameterError, match=r"val_fraction .*: give a number of at least 0"):
        fraction("val_fraction", value)


@pytest.mark.parametrize("value", [True, False])
def test_a_truth_value_is_no_number(value):
    with pytest.raises(ParameterError, match=rf"^seed {value!r}: give a whole number"):
        at_least("seed", value, 0, 5)


def test_a_whole_number_between_bounds():
    at_least("batch_size", 5, 1, 5)
    for wrong in (0, 6, 10**5000, "5", 2.0):
        with pytest.raises(ParameterError, match=r"batch_size .*: give a whole number of 1 to 5"):
            at_least("batch_size", wrong, 1, 5)
