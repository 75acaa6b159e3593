"""Adjusted probabilities are those of the new distribution; estimates find its frequencies."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpt.errors import ParameterError, ShapeError
from lpt.evaluation.priors import (
    adjust_to_prior,
    effective_prior,
    estimate_prior,
    estimate_prior_by_confusion,
    fit_prior_power,
)

MEANS = np.array([[0.0, 0.0], [1.5, 0.0], [0.0, 1.5]])
"""Three classes of unit normal points, so the exact probabilities are known."""

frequencies = st.lists(st.floats(0.01, 1), min_size=3, max_size=3).map(
    lambda values: np.array(values) / sum(values)
)


def points(prior: np.ndarray, images: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    labels = generator.choice(3, size=images, p=prior)
    return MEANS[labels] + generator.standard_normal((images, 2)), labels


def exact(where: np.ndarray, prior: np.ndarray) -> np.ndarray:
    squared = ((where[:, None] - MEANS) ** 2).sum(axis=2)
    weights = prior * np.exp(-squared / 2)
    return weights / weights.sum(axis=1, keepdims=True)


@given(frequencies, frequencies)
def test_adjusting_gives_the_probabilities_of_the_other_distribution(before, after):
    where, _ = points(np.full(3, 1 / 3), 20, seed=0)
    adjusted = adjust_to_prior(exact(where, before), before, after)
    assert adjusted == pytest.approx(exact(where, after))


@given(frequencies, frequencies)
def test_adjusting_there_and_back_changes_nothing(before, after):
    values = exact(points(before, 10, seed=1)[0], before)
    there = adjust_to_prior(values, before, after)
    assert adjust_to_prior(there, after, before) == pytest.approx(values)


def test_a_class_that_the_target_excludes_is_never_predicted():
    values = np.array([[0.9, 0.05, 0.05], [1.0, 0.0, 0.0]])
    adjusted = adjust_to_prior(values, np.ones(3), np.array([0.0, 1.0, 3.0]))
    assert adjusted == pytest.approx(np.array([[0.0, 0.25, 0.75], [0.0, 0.25, 0.75]]))


@pytest.mark.parametrize("prior", [(0.8, 0.15, 0.05), (0.05, 0.15, 0.8), (1 / 3, 1 / 3, 1 / 3)])
def test_both_estimates_find_the_frequencies_of_unlabelled_images(prior):
    source, target = np.array([0.6, 0.3, 0.1]), np.array(prior)
    known_at, known_labels = points(source, 4000, seed=2)
    new_at, _ = points(target, 4000, seed=3)
    new = exact(new_at, source)
    assert estimate_prior(new, source).prior == pytest.approx(target, abs=0.03)
    by_confusion = estimate_prior_by_confusion(new, exact(known_at, source), known_labels)
    assert by_confusion.prior == pytest.approx(target, abs=0.05)
    assert not by_confusion.few


def test_the_confusion_estimate_needs_no_calibrated_probabilities():
    source, target = np.array([0.6, 0.3, 0.1]), np.array([0.1, 0.3, 0.6])

    def cold(where: np.ndarray) -> np.ndarray:
        sharp = exact(where, source) ** 4
        return sharp / sharp.sum(axis=1, keepdims=True)

    known_at, labels = points(source, 4000, seed=4)
    found = estimate_prior_by_confusion(
        cold(points(target, 4000, seed=5)[0]), cold(known_at), labels
    )
    assert found.prior == pytest.approx(target, abs=0.05)


def test_few_images_are_reported():
    values = exact(points(np.full(3, 1 / 3), 29, seed=6)[0], np.full(3, 1 / 3))
    assert estimate_prior(values, np.full(3, 1 / 3)).few
    assert not estimate_prior(np.vstack([values, values]), np.full(3, 1 / 3)).few


def test_em_starts_at_the_source_and_keeps_it_if_the_images_agree():
    even = np.full(3, 1 / 3)
    found = estimate_prior(np.full((50, 3), 1 / 3), even).prior
    assert found == pytest.approx(even)


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_the_power_of_the_training_frequencies_is_found(power):
    counts = [900, 80, 20]
    where, labels = points(np.array([0.9, 0.08, 0.02]), 6000, seed=7)
    values = exact(where, effective_prior(counts, power))
    assert fit_prior_power(values, labels, counts) == pytest.approx(power, abs=0.15)


def test_power_zero_treats_all_classes_alike_and_one_gives_the_frequencies():
    assert effective_prior([5, 0, 95], 0.0).tolist() == pytest.approx([1 / 3] * 3)
    assert effective_prior([20, 80], 1.0).tolist() == pytest.approx([0.2, 0.8])


def test_wrong_sizes_and_frequencies_are_refused():
    with pytest.raises(ShapeError, match="target of shape"):
        adjust_to_prior(np.full((1, 3), 1 / 3), np.ones(3), np.ones(2))
    with pytest.raises(ParameterError, match="source"):
        adjust_to_prior(np.full((1, 2), 0.5), np.array([1.0, 0.0]), np.ones(2))
    with pytest.raises(ParameterError, match="not all 0"):
        adjust_to_prior(np.full((1, 2), 0.5), np.ones(2), np.zeros(2))
    with pytest.raises(ShapeError, match="n > 0"):
        estimate_prior(np.zeros((0, 2)), np.ones(2))
    with pytest.raises(ShapeError, match="labels"):
        fit_prior_power(np.full((2, 2), 0.5), np.array([0]), [1, 1])
