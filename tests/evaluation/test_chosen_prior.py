"""Frequencies of unlabelled images are estimated as freely as the images allow, or kept."""

import numpy as np
import pytest

from lpt.errors import ShapeError
from lpt.evaluation.chosen_prior import choose_prior, estimate_tail
from lpt.evaluation.priors import effective_prior

COUNTS = np.round(200 * 0.01 ** (np.arange(12) / 11)).astype(int)
"""Training images of twelve classes: 200 down to 2."""

EVEN = np.full(12, 1 / 12)
MEANS = 2.0 * np.eye(12)
"""Twelve classes of unit normal points, so the exact probabilities are known."""


def probabilities(prior: np.ndarray, images: int, source: np.ndarray = EVEN) -> np.ndarray:
    """Exact probabilities under `source` of images with the frequencies `prior`."""
    generator = np.random.default_rng(0)
    labels = generator.choice(12, size=images, p=prior)
    at = MEANS[labels] + generator.standard_normal((images, 12))
    weights = source * np.exp(at @ MEANS.T)
    return weights / weights.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("exponent", [-1.0, -0.5, 0.5, 1.0])
@pytest.mark.parametrize("power", [0.0, 0.5])
def test_the_strength_of_a_tail_is_found_whatever_the_model_reflects(exponent, power):
    target, source = effective_prior(COUNTS, exponent), effective_prior(COUNTS, power)
    found, prior = estimate_tail(probabilities(target, 2000, source), source, COUNTS)
    assert found == pytest.approx(exponent, abs=0.1)
    assert prior == pytest.approx(effective_prior(COUNTS, found))


@pytest.mark.parametrize("exponent", [-1.0, 1.0])
def test_a_clear_tail_is_used(exponent):
    chosen = choose_prior(probabilities(effective_prior(COUNTS, exponent), 500), EVEN, COUNTS)
    assert (chosen.follows, chosen.images) == ("training", 500)
    assert chosen.exponent == pytest.approx(exponent, abs=0.2)
    assert chosen.prior == pytest.approx(effective_prior(COUNTS, chosen.exponent))


@pytest.mark.parametrize("images", [3, 200, 2000])
@pytest.mark.parametrize("power", [0.0, 0.5])
def test_images_with_the_frequencies_of_the_task_change_nothing(images, power):
    source = effective_prior(COUNTS, power)
    chosen = choose_prior(probabilities(source, images, source), source, COUNTS)
    assert chosen.follows == "task"
    assert chosen.exponent is None
    assert chosen.prior == pytest.approx(source)


def test_images_of_a_few_classes_give_each_class_a_frequency():
    target = np.zeros(12)
    target[[2, 7]] = 0.5
    chosen = choose_prior(probabilities(target, 100), EVEN, COUNTS)
    assert chosen.follows == "images"
    assert chosen.prior == pytest.approx(target, abs=0.1)


def test_a_few_images_are_no_evidence_for_frequencies_of_their_own():
    assert choose_prior(probabilities(np.eye(12)[3], 4), EVEN, COUNTS).follows == "task"


def test_without_a_tail_in_training_no_exponent_is_used():
    chosen = choose_prior(probabilities(effective_prior(COUNTS, 1.0), 200), EVEN, [9] * 12)
    assert chosen.follows != "training"


def test_the_order_of_classes_changes_nothing():
    values, order = probabilities(effective_prior(COUNTS, -1.0), 200), np.arange(12)[::-1]
    one = choose_prior(values, EVEN, COUNTS)
    other = choose_prior(values[:, order], EVEN, COUNTS[order])
    assert other.prior == pytest.approx(one.prior[order])


def test_without_images_there_is_no_estimate():
    with pytest.raises(ShapeError):
        choose_prior(np.zeros((0, 12)), EVEN, COUNTS)
