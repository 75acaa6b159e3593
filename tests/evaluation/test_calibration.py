"""Temperatures that make the labels likeliest, and calibration errors worked by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lpt.errors import ShapeError
from lpt.evaluation import calibration_error, calibration_errors, fit_temperature
from lpt.evaluation.calibration import TEMPERATURES, confidence_error, reliability_bins


def sampled(temperature: float, images: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Sample cosines, and labels from softmax(cosine / temperature)."""
    generator = np.random.default_rng(seed)
    cosine = generator.uniform(-1, 1, size=(images, 5))
    gumbel = generator.gumbel(size=cosine.shape)
    return cosine.astype(np.float32), (cosine / temperature + gumbel).argmax(axis=1)


def likelihood(cosine: np.ndarray, labels: np.ndarray, temperature: float) -> float:
    scores = cosine.astype(np.float64) / temperature
    return float((scores[np.arange(len(labels)), labels] - np.log(np.exp(scores).sum(1))).mean())


@pytest.mark.parametrize("temperature", [0.05, 0.3, 2.0])
def test_the_temperature_that_sampled_the_labels_is_found(temperature: float) -> None:
    cosine, labels = sampled(temperature, images=20_000)
    assert fit_temperature(cosine, labels) == pytest.approx(temperature, rel=0.1)


@settings(deadline=None)
@given(seed=st.integers(0, 1000))
def test_no_temperature_nearby_is_more_likely(seed: int) -> None:
    cosine, labels = sampled(0.3, images=50, seed=seed)
    calibrated = fit_temperature(cosine, labels)
    best = likelihood(cosine, labels, calibrated)
    for factor in (0.9, 0.99, 1.01, 1.1):
        assert likelihood(cosine, labels, calibrated * factor) <= best + 1e-12


def test_a_split_without_errors_gets_the_lowest_temperature() -> None:
    cosine = np.array([[0.9, 0.1], [0.2, 0.8]])
    assert fit_temperature(cosine, np.array([0, 1])) == pytest.approx(TEMPERATURES[0])


def test_a_split_of_errors_gets_the_highest_temperature() -> None:
    cosine = np.array([[0.9, 0.1], [0.2, 0.8]])
    assert fit_temperature(cosine, np.array([1, 0])) == pytest.approx(TEMPERATURES[1])


def test_few_images_without_errors_leave_the_usual_temperature() -> None:
    cosine = np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.1], [0.1, 0.6]])
    labels = np.array([0, 1, 0, 1])
    assert fit_temperature(cosine, labels, usual=0.05) == pytest.approx(0.05, rel=0.01)


def test_one_error_raises_the_usual_temperature_and_many_images_override_it() -> None:
    cosine = np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.1], [0.1, 0.6]])
    wrong = fit_temperature(cosine, np.array([0, 1, 0, 0]), usual=0.05)
    assert 0.06 < wrong < 0.5
    cosine, labels = sampled(0.3, images=2_000)
    assert fit_temperature(cosine, labels, usual=0.05) == pytest.approx(0.3, rel=0.15)


def test_calibration_error_by_hand() -> None:
    """Confidence 0.8 (logit difference log 4) on four images of which two are right: 0.3."""
    cosine = np.tile([np.log(4), 0.0], (4, 1))
    labels = np.array([0, 0, 1, 1])
    assert calibration_error(cosine, labels, temperature=1.0) == pytest.approx(0.3)


def test_calibration_error_does_not_let_bins_cancel() -> None:
    """Confidence 0.8 and always right, 0.6 and always wrong: (0.2 + 0.6) / 2, in two bins."""
    cosine = np.array([[np.log(4), 0.0], [np.log(1.5), 0.0]])
    assert calibration_error(cosine, np.array([0, 1]), temperature=1.0) == pytest.approx(0.4)
    assert calibration_error(cosine, np.array([0, 1]), 1.0, bins=1) == pytest.approx(0.2)


def test_the_calibrated_temperature_has_a_small_error() -> None:
    cosine, labels = sampled(0.3, images=20_000)
    calibrated = fit_temperature(cosine, labels)
    assert calibration_error(cosine, labels, calibrated) < 0.02
    assert calibration_error(cosine, labels, 0.05) > 0.1


def test_bins_are_closed_on_the_right_and_empty_ones_are_left_out() -> None:
    confidence = np.array([0.25, 0.5, 0.75, 0.74])
    correct = np.array([True, False, True, True])
    found = reliability_bins(confidence, correct, bins=4)
    assert [(b.accuracy, b.images) for b in found] == [(1.0, 1), (0.0, 1), (1.0, 2)]
    assert [b.probability for b in found] == pytest.approx([0.25, 0.5, 0.745])
    weighted = sum(abs(b.accuracy - b.probability) * b.images for b in found) / 4
    assert confidence_error(confidence, correct, bins=4) == pytest.approx(weighted)


def test_errors_by_group_of_the_true_class() -> None:
    cosine = np.tile([np.log(4), 0.0, -50.0], (4, 1))
    errors = calibration_errors(cosine, np.array([0, 0, 1, 1]), 1.0, [500, 5, 50])
    assert errors == {
        "overall": pytest.approx(0.3),
        "many": pytest.approx(0.2),
        "medium": None,
        "few": pytest.approx(0.8),
    }


@pytest.mark.parametrize("images", [0, 3])
def test_input_that_does_not_fit_is_named(images: int) -> None:
    with pytest.raises(ShapeError, match=r"^calibration: "):
        fit_temperature(np.zeros((images, 2)), np.zeros(images // 2, dtype=np.int64))
