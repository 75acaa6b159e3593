"""The contract of every sampler; one in the registry is tested automatically."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpt.data.sampling import (
    SAMPLERS,
    balanced_sampler,
    class_cycle_sampler,
    epoch_batches,
    instance_sampler,
    sample_epoch,
    square_root_sampler,
    steps_per_epoch,
)
from lpt.errors import ConfigError, DataError

samplers = pytest.mark.parametrize("kind", sorted(SAMPLERS))
label_lists = st.lists(st.integers(0, 12), min_size=1, max_size=200)


@samplers
@given(labels=label_lists, seed=st.integers(0, 2**40), phase=st.integers(1, 2))
def test_same_seed_phase_and_epoch_give_the_same_order(kind, labels, seed, phase):
    one, two = (sample_epoch(kind, labels, seed=seed, phase=phase, epoch=3) for _ in range(2))
    assert np.array_equal(one, two)


@samplers
def test_seed_phase_and_epoch_each_change_the_ids(kind):
    labels = np.repeat(np.arange(10), 30)
    keys = [(0, 1, 0), (1, 1, 0), (0, 2, 0), (0, 1, 1)]
    seen = {sample_epoch(kind, labels, seed=s, phase=p, epoch=e).tobytes() for s, p, e in keys}
    assert len(seen) == len(keys)


@samplers
@given(labels=label_lists)
def test_an_epoch_has_n_valid_draws(kind, labels):
    order = sample_epoch(kind, labels, seed=0, phase=1, epoch=0)
    assert order.shape == (len(labels),)
    assert order.dtype == np.int64
    assert order.min() >= 0
    assert order.max() < len(labels)


@samplers
@given(labels=label_lists)
def test_within_a_class_no_image_repeats_before_all_are_sampled(kind, labels):
    y = np.array(labels)
    order = sample_epoch(kind, y, seed=5, phase=2, epoch=1)
    for c in np.unique(y[order]):
        sampled = order[y[order] == c]
        size = int((y == c).sum())
        for start in range(0, len(sampled), size):
            part = sampled[start : start + size]
            assert len(set(part.tolist())) == len(part)


@samplers
def test_global_random_state_does_not_change(kind):
    np.random.seed(0)
    before = np.random.get_state()[1].copy()
    sample_epoch(kind, [0, 0, 1], seed=0, phase=1, epoch=0)
    assert np.array_equal(before, np.random.get_state()[1])


@samplers
def test_labels_do_not_change(kind):
    labels = np.array([3, 1, 1, 0])
    sample_epoch(kind, labels, seed=0, phase=1, epoch=0)
    assert labels.tolist() == [3, 1, 1, 0]


@samplers
def test_no_images_is_an_error(kind):
    if kind == "instance":
        assert len(sample_epoch(kind, [], seed=0, phase=1, epoch=0)) == 0
    else:
        with pytest.raises(DataError, match="no images"):
            sample_epoch(kind, [], seed=0, phase=1, epoch=0)


def test_unknown_sampler_lists_the_known_ones():
    with pytest.raises(ConfigError, match=r"sampler 'fair': unknown\..*balanced, class-cycle"):
        sample_epoch("fair", [0], seed=0, phase=1, epoch=0)


@given(n=st.integers(1, 300), seed=st.integers(0, 9))
def test_instance_order_shows_every_image_once(n, seed):
    assert sorted(instance_sampler(n, seed=seed, phase=1, epoch=0)) == list(range(n))


def class_shares(order: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return np.bincount(labels[order], minlength=labels.max() + 1) / len(order)


def test_balanced_order_shows_rare_classes_as_often_as_common_ones():
    labels = np.repeat([0, 1, 3], [9_000, 900, 100])  # class 2 is absent
    shares = class_shares(balanced_sampler(labels, seed=0, phase=2, epoch=0), labels)
    assert shares[[0, 1, 3]] == pytest.approx(1 / 3, abs=0.02)
    assert shares[2] == 0


@given(labels=st.lists(st.integers(0, 6), min_size=30, max_size=150))
def test_class_cycle_visits_every_class_before_any_again(labels):
    y = np.array(labels)
    drawn = y[class_cycle_sampler(y, seed=1, phase=2, epoch=0, per_class=1)]
    present = np.unique(y)
    for start in range(0, len(drawn) - len(present) + 1, len(present)):
        assert np.array_equal(np.sort(drawn[start : start + len(present)]), present)


def test_class_cycle_takes_four_images_a_visit_as_released():
    labels = np.repeat(np.arange(6), 20)
    blocks = labels[class_cycle_sampler(labels, seed=0, phase=2, epoch=0)].reshape(-1, 4)
    assert (blocks == blocks[:, :1]).all()


def test_square_root_sampler_lies_between_instance_and_balanced():
    labels = np.repeat([0, 1], [8_100, 900])
    shares = class_shares(square_root_sampler(labels, seed=0, phase=1, epoch=0), labels)
    assert shares[1] == pytest.approx(0.25, abs=0.02)  # 30 / (90 + 30)


@given(n=st.integers(1, 500), batch=st.integers(1, 64))
def test_batches_are_equal_and_cover_the_epoch(n, batch):
    order = instance_sampler(n, seed=0, phase=1, epoch=0)
    batches = epoch_batches(order, batch)
    assert len(batches) == steps_per_epoch(n, batch) == -(-n // batch)
    assert {len(b) for b in batches} == {batch}
    flat = np.concatenate(batches)
    assert np.array_equal(flat[:n], order)
    assert np.array_equal(flat, np.resize(order, len(flat)))


def test_empty_epoch_has_no_batches():
    with pytest.raises(DataError, match="without images"):
        epoch_batches(np.zeros(0, dtype=np.int64), 4)


def test_ids_are_the_same_in_every_release():
    """Golden: a resumed run must sample the images that it would have sampled without a break.

    Made with balanced_sampler and instance_sampler of release 0.1.0 on NumPy 2.4.
    """
    labels = [0, 0, 0, 0, 1, 1, 2]
    assert instance_sampler(8, seed=7, phase=1, epoch=2).tolist() == [5, 6, 0, 3, 1, 7, 4, 2]
    assert balanced_sampler(labels, seed=7, phase=2, epoch=2).tolist() == [4, 5, 2, 0, 5, 3, 4]
