"""A task for other class frequencies predicts and is scored under these."""

import numpy as np
import pytest

from lpt.task import Task, find_images

from .test_trained_task import photos, task  # noqa: F401  (fixtures)


def test_probabilities_are_adjusted_and_features_are_not(task, photos):  # noqa: F811
    pictures = find_images([photos / "ant"])[:5]
    rare = task.with_prior({"ant": 1, "bee": 1})
    probabilities = rare.predict_proba(pictures)
    assert probabilities[:, 2:] == pytest.approx(0)
    assert probabilities.sum(axis=1) == pytest.approx(np.ones(5))
    assert np.array_equal(rare.embed(pictures), task.embed(pictures))
    assert isinstance(rare, Task)
    assert rare.model is task.model


def test_the_frequencies_that_it_reflects_already_change_nothing(task, photos):  # noqa: F811
    pictures = find_images([photos / "bee"])[:5]
    same = task.with_prior("uniform")
    assert same.predict_proba(pictures) == pytest.approx(task.predict_proba(pictures), abs=1e-5)


def test_predictions_agree_with_probabilities(task, photos):  # noqa: F811
    pictures = find_images([photos / "cat"])
    some = task.with_prior([1, 1, 1, 50])
    best = some.predict_proba(pictures).argmax(axis=1)
    names = [prediction.labels[0] for prediction in some.predict(pictures, top=1)]
    assert names == [task.class_names[index] for index in best]
