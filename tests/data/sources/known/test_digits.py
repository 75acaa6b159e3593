"""The bundled digits."""

from lpt.data.class_groups import imbalance
from lpt.data.sources.open_data import open_data


def test_digits_are_long_tailed_with_a_balanced_test():
    data = open_data("digits", val_fraction=0)
    counts = data.counts()
    assert counts.tolist() == sorted(counts, reverse=True)
    assert 45 <= imbalance(counts) <= 75
    assert data.counts("test").tolist() == [30] * 10
    assert open_data("digits:imbalance=1", val_fraction=0).counts().tolist() == [144] * 10


def test_digits_repeat_with_their_seed():
    one, two, other = (open_data("digits", seed=s).splits["train"] for s in (1, 1, 2))
    assert [one.read(i) for i in range(9)] == [two.read(i) for i in range(9)]
    assert [one.read(i) for i in range(9)] != [other.read(i) for i in range(9)]
