"""Rare classes keep all their predictions, frequent ones the most probable of theirs."""

import numpy as np
import pytest

from lpt.training.pseudo.choose_labels import choose_labels, class_shares

COUNTS = [100, 10, 1]


def predictions(*of_class: list[float]) -> np.ndarray:
    """Probabilities of images: for each class, those of the images that are predicted as it."""
    rows = []
    for label, own in enumerate(of_class):
        for p in own:
            row = np.full(len(of_class), (1 - p) / (len(of_class) - 1))
            row[label] = p
            rows.append(row)
    return np.array(rows)


def test_shares_mirror_the_frequencies_whatever_the_order_of_classes():
    expected = {100: 0.1, 10: 10**-0.5, 1: 1.0}
    for counts in (COUNTS, [1, 100, 10]):
        for count, share in zip(counts, class_shares(counts, 0.5), strict=True):
            assert share == pytest.approx(expected[count])
    assert class_shares(COUNTS, 0).tolist() == [1, 1, 1]


def test_each_class_has_its_own_threshold():
    frequent = [0.9, 0.95, 0.8, 0.7, 0.99, 0.6, 0.85, 0.75, 0.65, 0.55]
    chosen = choose_labels(predictions(frequent, [], [0.5, 0.6]), COUNTS, alpha=0.5, least=0.5)
    assert chosen.labels.tolist() == [0, 2, 2]
    assert chosen.images.tolist() == [4, 10, 11]
    assert chosen.thresholds.tolist() == [0.99, 1.0, 0.5]
    assert chosen.probability.tolist() == pytest.approx([0.99, 0.5, 0.6])


def test_what_nobody_is_sure_of_gets_no_label():
    found = choose_labels(predictions([0.45], [0.4], [0.48]), COUNTS, alpha=0.0, least=0.5)
    assert len(found.images) == len(found.labels) == 0


def test_classes_without_training_images_do_no_harm():
    assert np.isfinite(class_shares([5, 0, 3], 0.33)).all()
