"""The share of wrong labels, and the certainty about each, follow from the predictions."""

import numpy as np
import pytest
import torch

from lpt.analysis.labels.label_evidence import wrong_labels
from lpt.analysis.logit_digest import ImageScores, score_images

CLASSES, IMAGES = 20, 4000


def predicted(
    sharpness: float, wrong: float, temperature: float = 1
) -> tuple[ImageScores, np.ndarray]:
    """Predictions whose labels are drawn from them, but for a share of wrong ones."""
    noise = np.random.default_rng(0)
    logits = sharpness * noise.normal(size=(IMAGES, CLASSES))
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = np.array([noise.choice(CLASSES, p=row) for row in shares])
    replaced = noise.random(IMAGES) < wrong
    labels[replaced] = (labels[replaced] + noise.integers(1, CLASSES, replaced.sum())) % CLASSES
    scores = score_images(torch.from_numpy(logits), torch.from_numpy(labels), temperature)
    return scores, replaced


@pytest.mark.parametrize("wrong", [0.0, 0.05, 0.1])
def test_the_share_of_wrong_labels_is_estimated(wrong: float) -> None:
    scores, _ = predicted(8, wrong)
    assert wrong_labels(scores, CLASSES).mean() == pytest.approx(wrong, abs=0.01)


@pytest.mark.parametrize("temperature", [0.6, 1.0, 2.0])
def test_certainty_is_calibrated_whatever_the_confidence_of_the_model(temperature: float) -> None:
    scores, replaced = predicted(8, 0.1, temperature)
    found = wrong_labels(scores, CLASSES)
    sure = found >= 0.9
    assert sure.sum() > 100
    assert replaced[sure].mean() > 0.9
    assert replaced[found < 0.1].mean() < 0.05


def test_a_weak_model_is_sure_of_no_wrong_label() -> None:
    scores, _ = predicted(1, 0.0)
    assert scores.correct.mean() < 0.4
    assert wrong_labels(scores, CLASSES).max() < 0.9


def test_few_images_do_not_show_that_labels_are_wrong() -> None:
    labels = np.array([0, 1])
    top = np.array([[1, 0], [0, 1]])
    shares = np.array([[0.8, 0.2], [0.8, 0.2]], dtype=np.float32)
    scores = ImageScores(labels, top, shares, shares[:, 1], shares[:, 0])
    assert wrong_labels(scores, 2).max() < 0.1
