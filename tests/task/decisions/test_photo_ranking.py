"""Photos are suggested where they are uncertain, near rare classes, and unlike each other."""

import numpy as np
import pytest

from lpt.errors import ShapeError
from lpt.task.decisions.photo_ranking import rank_photos

COUNTS = [100, 100, 4]


def order(probabilities, features=None, budget=10):
    rows = np.array(probabilities)
    points = np.eye(len(rows)) if features is None else np.array(features, dtype=float)
    return [photo.place for photo in rank_photos(rows, points, COUNTS, budget)]


def test_uncertain_photos_come_first():
    assert order([[0.98, 0.01, 0.01], [0.5, 0.49, 0.01], [0.7, 0.29, 0.01]]) == [1, 2, 0]


def test_among_equally_uncertain_photos_those_near_rare_classes_come_first():
    assert order([[0.5, 0.5, 0.0], [0.5, 0.0, 0.5]]) == [1, 0]


def test_a_copy_of_a_chosen_photo_comes_after_all_others():
    rows = [[0.5, 0.0, 0.5], [0.5, 0.0, 0.5], [0.9, 0.1, 0.0], [0.8, 0.2, 0.0]]
    features = [[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]
    found = order(rows, features)
    assert found[0] == 0
    assert found[-1] == 1


def test_the_value_is_the_documented_formula():
    (photo,) = rank_photos(np.array([[0.6, 0.1, 0.3]]), np.ones((1, 2)), COUNTS, 1)
    rarity = 0.6 * 0.2 + 0.1 * 0.2 + 0.3
    assert photo.rarity == pytest.approx(rarity)
    assert photo.margin == pytest.approx(0.3)
    assert photo.value == pytest.approx(0.7 * rarity)


def test_there_are_as_many_as_asked_for_or_all_and_each_once():
    noise = np.random.default_rng(0)
    rows, features = noise.dirichlet(np.ones(3), size=200), noise.normal(size=(200, 8))
    for budget in (1, 7, 500):
        found = [photo.place for photo in rank_photos(rows, features, COUNTS, budget)]
        assert len(found) == len(set(found)) == min(budget, 200)
    assert rank_photos(np.zeros((0, 3)), np.zeros((0, 8)), COUNTS, 5) == []


def test_sizes_that_do_not_fit_are_refused():
    with pytest.raises(ShapeError, match="do not fit"):
        rank_photos(np.ones((2, 3)), np.ones((3, 8)), COUNTS, 1)
