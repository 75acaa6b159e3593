"""Calibration and coverage against `lpt.evaluation`, scikit-learn and hand-worked cases."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from lpt.analysis.confidence import Reliability, abstention, coverage, reliability
from lpt.analysis.logit_digest import ImageScores
from lpt.evaluation import calibration_errors
from lpt.evaluation.calibration import BINS, ReliabilityBin

from .samples import scores_of

STREAM = np.random.default_rng(1)
LOGITS = STREAM.normal(size=(200, 6)).astype(np.float32)
LABELS = STREAM.integers(6, size=200)


def sure(confidence: list[float], correct: list[bool]) -> ImageScores:
    """Images of class 0 with the given confidence in class 0 or, where wrong, in class 1."""
    labels = np.zeros(len(correct), dtype=np.int64)
    chosen = np.where(correct, 0, 1)
    values = np.array(confidence, dtype=np.float32)
    return ImageScores(labels, chosen[:, None], values[:, None], values, values)


def test_errors_are_those_of_evaluation() -> None:
    counts = np.array([200, 200, 50, 50, 5, 5])
    groups = {"many": LABELS < 2, "medium": (LABELS > 1) & (LABELS < 4), "few": LABELS > 3}
    expected = calibration_errors(LOGITS, LABELS, 0.3, counts)
    raw = calibration_errors(LOGITS, LABELS, 1.0, counts)
    for curve in reliability(scores_of(LOGITS, LABELS, 0.3), groups):
        assert curve.error == pytest.approx(expected[curve.group], abs=1e-5)
        assert curve.raw_error == pytest.approx(raw[curve.group], abs=1e-5)


def test_curve_is_scikit_learns() -> None:
    scores = scores_of(LOGITS, LABELS, 0.3)
    share, mean = calibration_curve(scores.correct, scores.confidence, n_bins=BINS)
    bins = reliability(scores, {})[0].bins
    np.testing.assert_allclose([b[0] for b in bins], mean, atol=1e-5)
    np.testing.assert_allclose([b[1] for b in bins], share, atol=1e-5)
    assert sum(b[2] for b in bins) == 200


def test_coverage_of_a_hand_worked_case() -> None:
    scores = sure([0.9, 0.5, 0.7, 0.6], [True, True, False, True])
    curve = coverage(scores, {})[0]
    np.testing.assert_allclose(curve.points, [(0.25, 1), (0.5, 0.5), (0.75, 2 / 3), (1, 0.75)])
    assert curve.area == pytest.approx(1 - (1 + 0.5 + 2 / 3 + 0.75) / 4)


def test_coverage_ends_at_the_accuracy_and_never_has_many_points() -> None:
    scores = scores_of(LOGITS, LABELS)
    curve = coverage(scores, {})[0]
    assert len(curve.points) <= 50
    assert curve.points[-1] == pytest.approx((1.0, float(scores.correct.mean())))


def test_groups_without_images_are_left_out_of_curves_and_none_in_tables() -> None:
    scores = sure([0.9, 0.5], [True, False])
    groups = {"many": np.array([True, True]), "few": np.array([False, False])}
    assert [c.group for c in coverage(scores, groups)] == ["overall", "many"]
    assert [c.group for c in reliability(scores, groups)] == ["overall", "many"]
    row = abstention(scores, groups)[-1]
    assert row.share == {"overall": 0.5, "many": 0.5, "few": None}
    assert row.accuracy == {"overall": 1.0, "many": 1.0, "few": None}


def test_one_threshold_leaves_groups_differently_covered() -> None:
    scores = sure([0.9, 0.8, 0.3, 0.2], [True, True, True, False])
    groups = {"many": np.array([True, True, False, False])}
    groups["few"] = ~groups["many"]
    half = abstention(scores, groups)[-1]
    assert half.coverage == 0.5
    assert half.threshold == pytest.approx(0.8)
    assert half.share == {"overall": 0.5, "many": 1.0, "few": 0.0}
    assert half.accuracy["few"] is None


@pytest.mark.parametrize(
    ("confidence", "words"),
    [
        (0.9, "overconfident by 15.0"),
        (0.6, "underconfident by 15.0"),
        (0.75, "neither over- nor underconfident"),
    ],
)
def test_a_curve_says_on_which_side_it_errs(confidence: float, words: str) -> None:
    bins = (ReliabilityBin(confidence, 1.0, 3), ReliabilityBin(confidence, 0.0, 1))
    assert Reliability("overall", 4, 0.1, 0.1, bins).tendency == words
