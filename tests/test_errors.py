"""Errors that a user can cause."""

import pickle

import pytest

from lpt import errors
from lpt.errors import ConfigError, DataError, LptError, ParameterError, RunError, at_least


def test_every_error_is_an_lpt_error():
    kinds = [getattr(errors, name) for name in errors.__all__ if name != "at_least"]
    assert all(issubclass(kind, LptError) for kind in kinds)


def test_a_wrong_parameter_is_named_without_backquotes():
    error = ParameterError("`top` 0: choose 1 or more.")
    assert str(error) == "top 0: choose 1 or more."
    assert isinstance(error, ConfigError)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


@pytest.mark.parametrize("value", [0, -1, 1.5, "2", None, [1, 2]])
def test_what_is_no_whole_number_or_too_small_is_refused(value):
    with pytest.raises(ParameterError, match=r"^top .*: give a whole number of 1 or more"):
        at_least("top", value, 1)


def test_whole_numbers_of_other_libraries_are_fine():
    import numpy as np

    at_least("top", np.int64(3), 1)
    at_least("top", 1, 1)


def test_text_from_outside_is_escaped_and_bounded_in_every_message() -> None:
    error = DataError("photos/\x1b[31m\n.jpg: is empty.", "x" * 10**6)
    first, second = str(error).splitlines()
    assert first == r"photos/\x1b[31m\x0a.jpg: is empty."
    assert len(second) == 1000


def test_an_error_survives_pickling_with_its_lines() -> None:
    for error in (DataError("one", "two"), RunError("`out`: one", "two")):
        again = pickle.loads(pickle.dumps(error))
        assert str(again) == str(error)
