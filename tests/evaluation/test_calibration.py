"""Temperatures that make the labels most likely, and errors of confidence by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lpt.errors import ShapeError
from lpt.evaluation import calibration_error, calibration_errors, fit_temperature
from lpt.evaluation.calibration import TEMPERATURES


def sampled(temperature: float, images: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Cosines, and labels drawn from softmax(cosine / temperature) itself."""
    generator = np.random.default_rng(seed)
    cosine = generator.uniform(-1, 1, size=(images, 5))
    gumbel = generator.gumbel(size=cosine.shape)
    return cosine.astype(np.float32), (cosine / temperature + gumbel).argmax(axis=1)


def likelihood(cosine: np.ndarray, labels: np.ndarray, temperature: float) -> float:
    scores = cosine.astype(np.float64) / temperature
    return float((scores[np.arange(len(labels)), labels] - np.log(np.exp(scores).sum(1))).mean())


@pytest.mark.parametrize("temperature", [0.05, 0.3, 2.0])
def test_the_temperature_that_drew_the_labels_is_found(temperature: float) -> None:
    cosine, labels = sampled(temperature, images=20_000)
    assert fit_temperature(cosine, labels) == pytest.approx(temperature, rel=0.1)


@settings(deadline=None)
@given(seed=st.integers(0, 1000))
def test_no_temperature_nearby_is_more_likely(seed: int) -> None:
    cosine, labels = sampled(0.3, images=50, seed=seed)
    fitted = fit_temperature(cosine, labels)
    best = likelihood(cosine, labels, fitted)
    for factor in (0.9, 0.99, 1.01, 1.1):
        assert likelihood(cosine, labels, fitted * factor) <= best + 1e-12


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


def test_one_error_warms_the_usual_temperature_and_many_images_overrule_it() -> None:
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


def test_the_fitted_temperature_is_well_calibrated() -> None:
    cosine, labels = sampled(0.3, images=20_000)
    fitted = fit_temperature(cosine, labels)
    assert calibration_error(cosine, labels, fitted) < 0.02
    assert calibration_error(cosine, labels, 0.05) > 0.1


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
