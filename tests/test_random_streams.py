"""Keyed generators: independent, repeatable, the same in every release."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpt.random_streams import VIEW_KEY, Stream, random_stream

keys = st.lists(st.integers(0, 2**40), max_size=6).map(tuple)


@given(keys, keys)
def test_a_key_repeats_and_another_gives_another_stream(one, other):
    draws = [random_stream(*key).integers(2**62, size=4).tolist() for key in (one, one, other)]
    assert draws[0] == draws[1]
    assert (draws[0] == draws[2]) == (one == other)


def test_keys_that_differ_in_trailing_zeros_are_different_streams():
    draws = {int(random_stream(*key).integers(2**62)) for key in [(), (0,), (1,), (1, 0), (0, 1)]}
    assert len(draws) == 5


def test_negative_numbers_are_no_keys():
    with pytest.raises(ValueError, match="non-negative"):
        random_stream(-1)


def test_numbers_of_the_table_are_those_of_earlier_releases():
    """A changed number would change every run that draws from the stream."""
    numbers = {name: value for name, value in vars(Stream).items() if name.isupper()}
    assert numbers == {
        "INSTANCE_SAMPLER": 0,
        "BALANCED_SAMPLER": 1,
        "CLASS_CYCLE_SAMPLER": 2,
        "SQUARE_ROOT_SAMPLER": 3,
        "STEP": 7,
        "VALIDATION_SUBSET": 3,
        "CLASS_MEAN_IMAGES": 4,
        "FEATURE_SUBSET": 11,
        "ANALYSIS_SUBSET": 12,
        "PROBE": 13,
        "BOOTSTRAP": 21,
        "KNN_BANK": 22,
    }
    assert VIEW_KEY == 1_000_003
