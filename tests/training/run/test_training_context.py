"""The training context: one configuration, fixed subsets of images, evaluation."""

from pathlib import Path

import numpy as np
import pytest
import torch

from lpt.backbones import FrozenViT
from lpt.errors import DataError
from lpt.progress import SilentReporter
from lpt.training.engine.sampling_plan import EpochPlan
from lpt.training.run.training_context import TrainingContext, sample_per_class

from ...tiny import COUNTS, config, write_photos


@pytest.fixture
def context(photos: Path, backbone: FrozenViT) -> TrainingContext:
    return TrainingContext(config(photos), SilentReporter(), device="cpu", backbone=backbone)


def test_the_configuration_changes_only_by_an_update(context: TrainingContext) -> None:
    before = context.state
    with pytest.raises(AttributeError):
        context.config = before.config
    context.update(before.config.changed({"data.many_above": 50}))
    assert context.groups.many_above == context.config.data.many_above == 50
    assert before.config.data.many_above == 100


def test_a_single_class_is_refused(backbone: FrozenViT, tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "photos", {"ant": 5})
    with pytest.raises(DataError, match="only one class"):
        TrainingContext(config(photos), SilentReporter(), device="cpu", backbone=backbone)


def test_at_most_so_many_images_of_each_class_are_chosen() -> None:
    labels = np.array([0] * 9 + [1] * 2 + [2] * 5)
    chosen = sample_per_class(labels, 4, seed=0)
    assert np.bincount(labels[chosen]).tolist() == [4, 2, 4]
    assert chosen.tolist() == sorted(set(chosen.tolist()))
    assert chosen.tolist() == sample_per_class(labels, 4, seed=0).tolist()
    assert chosen.tolist() != sample_per_class(labels, 4, seed=1).tolist()


def test_validation_is_a_fixed_subset(context: TrainingContext) -> None:
    whole = context.validation
    assert whole is not None
    context.update(context.config.changed({"data.max_val_images": 2}))
    first, again = context.validation, context.validation
    assert first is not None
    assert again is not None
    assert len(first) == 2 < len(whole)
    assert [first.name_of(i) for i in range(2)] == [again.name_of(i) for i in range(2)]
    assert context.evaluation_splits.keys() == {"val", "test"}


def test_training_images_follow_the_draws(context: TrainingContext) -> None:
    labels = context.train_split.labels
    plan = EpochPlan(labels, ("instance",), batch=4, epochs=1, seed=0, stage=0)
    steps = plan.draws(0)
    for (inputs, found), draws in zip(context.image_source(iter(steps)), steps, strict=True):
        assert inputs["images"].shape == (4, 3, 16, 16)
        assert found.tolist() == [labels[draw.index] for draw in draws]


def test_features_are_float32_in_the_order_of_the_split(context: TrainingContext) -> None:
    split = context.some_of_each_class(2)
    features = context.features(context.backbone, split, "features")
    assert features.shape == (2 * len(COUNTS), 16)
    assert features.dtype == torch.float32
    last = context.features(context.backbone, split.take(np.arange(7, 8)), "features")
    torch.testing.assert_close(features[7:], last)
