"""The bootstrap against cases worked out by hand."""

from itertools import product

import numpy as np
import pytest

from lpt.errors import ShapeError
from lpt.evaluation.bootstrap import paired_differences

GROUPS = {"many": np.array([0]), "medium": np.array([], dtype=np.int64), "few": np.array([1])}


def right(*rows: str) -> list[np.ndarray]:
    return [np.array([c == "1" for c in row]) for row in rows]


def test_two_images_of_which_one_is_gained():
    """Resamples of (1, 0): 0, 1/2, 1/2 and 1, so the middle 95 % reach from 0 to 1."""
    found = paired_differences(right("10"), right("00"), np.array([0, 0]), GROUPS, resamples=4000)
    assert found["overall"].mean == 0.5
    assert (found["overall"].low, found["overall"].high) == (0.0, 1.0)
    assert not found["overall"].is_clear


def test_a_gain_on_every_image_has_no_spread():
    found = paired_differences(right("1111"), right("0000"), np.array([0, 0, 1, 1]), GROUPS)
    assert all((d.mean, d.low, d.high) == (1, 1, 1) for d in found.values())
    assert found["few"].is_clear


def test_images_that_both_classify_alike_cancel():
    found = paired_differences(right("1010"), right("1010"), np.array([0, 0, 1, 1]), GROUPS)
    assert all((d.mean, d.low, d.high) == (0, 0, 0) for d in found.values())


def test_four_images_and_two_seeds_against_all_resamples():
    """Every one of the 4^4 draws of images and 2^2 draws of seeds, counted out."""
    one, other = right("1100", "1011"), right("0100", "0001")
    gained = np.stack(one).astype(float) - np.stack(other)
    exact = [
        gained[list(seeds)][:, list(images)].mean()
        for images in product(range(4), repeat=4)
        for seeds in product(range(2), repeat=2)
    ]
    labels = np.array([0, 0, 1, 1])
    found = paired_differences(one, other, labels, GROUPS, resamples=20_000)["overall"]
    assert found.mean == pytest.approx(gained.mean())
    low, high = np.percentile(exact, (2.5, 97.5))
    assert found.low == pytest.approx(low, abs=1 / 8)  # the values are eighths
    assert found.high == pytest.approx(high, abs=1 / 8)


def test_groups_and_macro_are_those_of_their_classes():
    """Class 0: 3 images, 1 gained; class 1: 1 image, lost."""
    found = paired_differences(right("1000"), right("0001"), np.array([0, 0, 0, 1]), GROUPS)
    assert found["many"].mean == pytest.approx(1 / 3)
    assert found["few"].mean == -1
    assert found["macro"].mean == pytest.approx((1 / 3 - 1) / 2)
    assert found["overall"].mean == 0
    assert "medium" not in found


def test_the_same_seed_draws_the_same():
    one, other, labels = right("1100"), right("0101"), np.array([0, 0, 1, 1])
    first = paired_differences(one, other, labels, GROUPS, resamples=50)
    assert first == paired_differences(one, other, labels, GROUPS, resamples=50)


def test_rows_that_are_no_pairs_are_refused():
    with pytest.raises(ShapeError, match="1 and 2 seeds"):
        paired_differences(right("10"), right("10", "10"), np.array([0, 1]), GROUPS)
    with pytest.raises(ShapeError, match="different images"):
        paired_differences(right("100"), right("100"), np.array([0, 1]), GROUPS)
