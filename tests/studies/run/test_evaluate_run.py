"""Evaluation of a model: predictions, features, test-time augmentation, shifted sets."""

import numpy as np
import pytest
import torch

from lpt.config import load_config
from lpt.progress import SilentReporter
from lpt.records import Output
from lpt.studies.plan.study_data import StudyData
from lpt.studies.run.evaluate_run import feature_scores, observe, predict_tta, shifted_right
from lpt.training.run.training_context import TrainingContext


@pytest.fixture(scope="module")
def corrupted(photos) -> StudyData:
    config = load_config("default").changed({"data.source": str(photos)})
    return StudyData(config, SilentReporter(), device="cpu", corrupted=True)


@pytest.fixture(scope="module")
def context(corrupted, vit) -> TrainingContext:
    config = corrupted.config.changed({"backbone": str(vit), "precision": "float32"})
    return corrupted.context(config, "final", SilentReporter())


@pytest.fixture(scope="module")
def model(context):
    width = context.backbone.feature_width
    weights = torch.randn(4, width, generator=torch.Generator().manual_seed(0))

    def predict(images: torch.Tensor) -> Output:
        feature = context.backbone(images)
        return Output(feature @ weights.T, feature, feature)

    return predict


def test_features_are_those_of_the_predictions(context, model, corrupted):
    seen = observe(context, model, corrupted.test, "test")
    assert seen.features.shape == (len(corrupted.test), context.backbone.feature_width)
    assert seen.predictions.logits.shape == (len(corrupted.test), 4)
    np.testing.assert_array_equal(seen.predictions.labels, corrupted.test.labels)


def test_test_time_augmentation_gives_other_logits(context, model, corrupted):
    plain = context.predict(model, corrupted.test, exact=True).logits
    augmented = predict_tta(context, model, corrupted.test).logits
    assert augmented.shape == plain.shape
    assert not np.array_equal(augmented, plain)


def test_feature_scores_are_distances_and_shares(context, model, corrupted):
    scores = feature_scores(context, model, observe(context, model, corrupted.test, "test"))
    assert scores["gamma"] == pytest.approx(scores["inner"] / scores["inter"])
    assert 0 <= scores["knn"] <= 1
    assert {"knn_many", "knn_medium", "knn_few"} <= set(scores)


def test_corrupted_images_are_scored_through_the_corruption(context, model, corrupted):
    seen = []

    def recorded(images: torch.Tensor) -> Output:
        seen.append(images)
        return model(images)

    plain = next(iter(context.whole_images(corrupted.test))).images
    right = shifted_right(context, recorded, corrupted.shifted[0])
    assert right.shape == (len(corrupted.test),)
    assert seen[0].shape == plain.shape
    assert not torch.equal(seen[0], plain)
