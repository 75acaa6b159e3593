"""The digest of predictions has the metrics of the logits, ties included."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lpt.analysis.logit_digest import ImageScores, measure_scores, score_images
from lpt.data.class_groups import ClassGroups
from lpt.errors import ShapeError
from lpt.evaluation import evaluate
from lpt.records import Predictions

from .samples import scores_of


def test_probabilities_are_a_softmax_at_the_temperature() -> None:
    scores = scores_of([[0.2, 0.4, 0.0]], [0], temperature=0.1)
    expected = np.exp([2.0, 4.0, 0.0]) / np.exp([2.0, 4.0, 0.0]).sum()
    assert scores.top.tolist() == [[1, 0, 2]]
    np.testing.assert_allclose(scores.probability[0], expected[[1, 0, 2]], rtol=1e-5)
    np.testing.assert_allclose(scores.own, expected[[0]], rtol=1e-5)
    np.testing.assert_allclose(scores.raw, np.exp(0.4) / np.exp([0.2, 0.4, 0.0]).sum(), rtol=1e-5)


@given(st.integers(0, 2**32 - 1), st.integers(2, 12))
def test_metrics_equal_those_of_the_logits(seed: int, classes: int) -> None:
    stream = np.random.default_rng(seed)
    logits = stream.integers(-3, 3, size=(30, classes)).astype(np.float32) / 4  # many ties
    labels = stream.integers(classes, size=30)
    counts = stream.integers(1, 200, size=classes)
    names = [f"c{i}" for i in range(classes)]
    expected = evaluate(Predictions(logits, labels), counts, None, names)
    parts = [slice(0, 13), slice(13, 30)]
    scores = ImageScores.concatenate(
        [score_images(torch.tensor(logits[p]), torch.tensor(labels[p]), 0.05) for p in parts]
    )
    assert measure_scores(scores, counts, ClassGroups(), names) == expected


def test_equal_logits_are_ranked_by_class() -> None:
    scores = scores_of([[0.5, 0.9, 0.5, 0.9, 0.1, 0.5, 0.5]], [6])
    assert scores.top.tolist() == [[1, 3, 0, 2, 5]]


def test_labels_that_do_not_fit_are_named() -> None:
    with pytest.raises(ShapeError, match="labels up to 3"):
        scores_of([[0.1, 0.2]], [3])
