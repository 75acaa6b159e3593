"""The digest of predictions says what the logits say."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lpt.analysis.logit_digest import ImageScores, class_scores, group_scores, score_images, summary
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
def test_summary_and_classes_equal_evaluate(seed: int, classes: int) -> None:
    stream = np.random.default_rng(seed)
    logits = stream.normal(size=(30, classes)).astype(np.float32)
    labels = stream.integers(classes, size=30)
    counts = stream.integers(1, 200, size=classes)
    names = [f"c{i}" for i in range(classes)]
    expected = evaluate(Predictions(logits, labels), counts, None, names)
    parts = [slice(0, 13), slice(13, 30)]
    scores = ImageScores.concatenate(
        [score_images(torch.tensor(logits[p]), torch.tensor(labels[p]), 0.05) for p in parts]
    )
    found = class_scores(scores, counts, ClassGroups(), names)
    assert found == expected.class_scores
    assert group_scores(found) == expected.group_scores
    assert summary(scores, found) == pytest.approx(expected.summary())


def test_labels_that_do_not_fit_are_named() -> None:
    with pytest.raises(ShapeError, match="labels up to 3"):
        scores_of([[0.1, 0.2]], [3])
