import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpt.data.splitting import hold_out
from lpt.errors import ConfigError

label_lists = st.lists(st.integers(0, 8), min_size=1, max_size=120)
fractions = st.floats(0, 0.95)


@given(labels=label_lists, fraction=fractions, seed=st.integers(0, 99))
def test_every_class_keeps_an_image_and_gives_the_rounded_share(labels, fraction, seed):
    y = np.array(labels)
    aside = hold_out(y, fraction=fraction, seed=seed)
    counts, given_away = np.bincount(y), np.bincount(y[aside], minlength=y.max() + 1)
    present = counts > 0
    assert (given_away[present] < counts[present]).all()
    expected = np.minimum(np.floor(counts * fraction + 0.5), np.maximum(counts - 1, 0))
    assert np.array_equal(given_away, expected)


@given(labels=label_lists, seed=st.integers(0, 99), grouped=st.booleans())
def test_seeds_repeat(labels, seed, grouped):
    y = np.array(labels)
    groups = np.array([f"g{i % 7}" for i in range(len(y))]) if grouped else None
    one, two = (hold_out(y, fraction=0.3, seed=seed, groups=groups) for _ in range(2))
    assert np.array_equal(one, two)


@given(
    pairs=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 15)), min_size=1, max_size=80),
    fraction=fractions,
)
def test_groups_never_straddle_and_every_class_keeps_an_image(pairs, fraction):
    y = np.array([label for label, _ in pairs])
    groups = np.array([str(group) for _, group in pairs])
    aside = hold_out(y, fraction=fraction, seed=0, groups=groups)
    assert not set(groups[aside]) & set(groups[~aside])
    assert set(y[~aside]) == set(y)


@given(labels=label_lists)
def test_small_classes_give_nothing(labels):
    y = np.array(labels)
    aside = hold_out(y, fraction=0.5, seed=0, smallest=10)
    small = np.flatnonzero(np.bincount(y) < 10)
    assert not np.isin(y[aside], small).any()


def test_single_groups_equal_no_groups_in_number():
    y = np.repeat([0, 1, 2], [50, 10, 1])
    alone = np.array([str(i) for i in range(len(y))])
    assert np.bincount(y[hold_out(y, fraction=0.2, seed=0, groups=alone)]).tolist() == [10, 2]


@given(labels=label_lists, fraction=fractions, seed=st.integers(0, 99))
def test_data_without_copies_is_split_as_if_nothing_was_asked(labels, fraction, seed):
    y = np.array(labels)
    groups = np.array([f"g{i % 7}" for i in range(len(y))])
    for keywords in ({}, {"groups": groups}):
        plain = hold_out(y, fraction=fraction, seed=seed, **keywords)
        numbered = np.random.default_rng(seed).permutation(len(y))
        copies = hold_out(y, fraction=fraction, seed=seed, copies=numbered, **keywords)
        assert np.array_equal(plain, copies)


@given(
    images=st.lists(
        st.tuples(st.integers(0, 4), st.integers(0, 12), st.integers(0, 30)),
        min_size=1,
        max_size=80,
    ),
    fraction=fractions,
    grouped=st.booleans(),
)
def test_neither_copies_nor_groups_straddle(images, fraction, grouped):
    y, group, copies = (np.array(column) for column in zip(*images, strict=True))
    groups = group.astype(str) if grouped else None
    aside = hold_out(y, fraction=fraction, seed=1, groups=groups, copies=copies)
    assert not set(copies[aside]) & set(copies[~aside])
    assert not grouped or not set(group[aside]) & set(group[~aside])
    assert set(y[~aside]) == set(y)


def test_copies_do_not_make_the_held_out_share_smaller():
    y = np.repeat([0, 1], [40, 20])
    aside = hold_out(y, fraction=0.2, seed=0, copies=np.arange(60) // 2)
    assert np.bincount(y[aside]).tolist() == [8, 4]


def test_fraction_out_of_range_is_refused():
    with pytest.raises(ConfigError, match=r"fraction 1\.0"):
        hold_out(np.zeros(3, dtype=np.int64), fraction=1.0, seed=0)
