"""Each training image is predicted from the other ones."""

import numpy as np

from lpt.analysis.labels.leave_one_out import leave_one_out

from .test_suspects import CLASSES, clusters


def test_an_image_alone_in_its_class_cannot_be_judged():
    features, labels = clusters([20, 20, 1])
    _, judged = leave_one_out(features, labels, CLASSES)
    assert not judged[-1]
    features, labels = clusters([1, 1])
    scores, judged = leave_one_out(features, labels, 2)
    assert len(scores) == 2
    assert not judged.any()


def test_its_own_image_does_not_vote_for_a_label():
    """With its own image, a mean of two images would always be the nearest."""
    features, labels = clusters([300, 20])
    features[-1] = features[0]  # a copy of an image of class 0, labelled 1
    scores, judged = leave_one_out(features, labels, 2)
    assert scores.chosen[-1] == 0
    assert judged[-1]


def test_chunks_change_nothing(monkeypatch):
    features, labels = clusters([30, 20, 5, 3, 2])
    whole, judged = leave_one_out(features, labels, CLASSES)
    monkeypatch.setattr("lpt.analysis.labels.leave_one_out.CHUNK_VALUES", 7 * len(labels))
    again, judged_again = leave_one_out(features, labels, CLASSES)
    assert np.array_equal(judged, judged_again)
    assert np.array_equal(whole.probability, again.probability)


def test_directions_that_vary_within_classes_count_less():
    """One noisy direction hides the classes from plain cosines."""
    noise = np.random.default_rng(1)
    labels = np.repeat(np.arange(2), 40)
    features = noise.normal(size=(80, 8))
    features[:, 0] = 5 * noise.normal(size=80)
    features[:, 1] += 6 * labels
    scores, _ = leave_one_out(features.astype(np.float32), labels, 2)
    assert scores.correct.mean() > 0.9


def test_equal_features_are_predicted_too():
    scores, _ = leave_one_out(np.ones((6, 4), dtype=np.float32), np.array([0, 0, 0, 1, 1, 1]), 2)
    assert np.isfinite(scores.probability).all()
