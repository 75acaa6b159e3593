"""Prediction sets hold the true class as often as asked, for rare classes too where asked."""

import numpy as np
import pytest

from lpt.errors import ParameterError, ShapeError
from lpt.evaluation.conformal import conformal_thresholds


def images(number: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Four classes, the last two rare and hard: their true class has lower probabilities."""
    generator = np.random.default_rng(seed)
    labels = generator.choice(4, size=number, p=[0.45, 0.45, 0.05, 0.05])
    strength = np.where(labels < 2, 3.0, 0.5)
    logits = generator.standard_normal((number, 4))
    logits[np.arange(number), labels] += strength
    weights = np.exp(logits)
    return weights / weights.sum(axis=1, keepdims=True), labels


def covered(members: np.ndarray, labels: np.ndarray, some: np.ndarray) -> float:
    return float(members[np.arange(len(labels)), labels][some].mean())


@pytest.mark.parametrize("coverage", [0.8, 0.9, 0.95])
def test_sets_hold_the_true_class_of_new_images_as_often_as_asked(coverage):
    thresholds = conformal_thresholds(*images(5000, seed=0), coverage)
    values, labels = images(20000, seed=1)
    everything = np.full(len(labels), True)
    found = covered(thresholds.sets(values), labels, everything)
    accuracy = (values.argmax(axis=1) == labels).mean()
    # A set holds the most probable class at least, so it covers no less than the accuracy.
    assert found == pytest.approx(max(coverage, accuracy), abs=0.02)


def test_thresholds_per_group_cover_the_rare_classes_that_one_threshold_misses():
    known, known_labels = images(5000, seed=2)
    values, labels = images(20000, seed=3)
    rare = labels >= 2
    one = conformal_thresholds(known, known_labels, 0.9).sets(values)
    groups = conformal_thresholds(known, known_labels, 0.9, np.array([0, 0, 1, 1])).sets(values)
    assert covered(one, labels, rare) < 0.75
    assert covered(groups, labels, rare) == pytest.approx(0.9, abs=0.03)
    assert covered(groups, labels, ~rare) >= 0.87


def test_too_few_images_promise_nothing_and_give_all_classes():
    values, labels = images(5, seed=4)
    assert conformal_thresholds(values, labels, 0.9).sets(values).all()


def test_a_set_is_never_empty():
    thresholds = conformal_thresholds(np.tile([0.9, 0.1], (50, 1)), np.zeros(50, dtype=int), 0.5)
    assert thresholds.sets(np.array([[0.5, 0.5]])).tolist() == [[True, False]]


def test_wrong_arguments_are_refused():
    with pytest.raises(ParameterError, match="coverage"):
        conformal_thresholds(np.ones((1, 1)), np.zeros(1, dtype=int), 1.0)
    with pytest.raises(ShapeError, match="2 labels"):
        conformal_thresholds(np.ones((1, 1)), np.zeros(2, dtype=int), 0.5)
    with pytest.raises(ParameterError, match="groups"):
        conformal_thresholds(np.ones((1, 2)), np.zeros(1, dtype=int), 0.5, np.array([0, 1, 2]))
