"""The linear probe trains a classifier only, in the same loop as every method."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from lpt.backbones import hash_weights
from lpt.baselines import TrainedBaseline, baseline_settings, train_baseline
from lpt.progress import SilentReporter
from lpt.training.run.training_context import TrainingContext

from ...tiny import backbone_of, config, write_backbone, write_photos


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrainingContext]:
    root = tmp_path_factory.mktemp("probe")
    backbone = backbone_of(write_backbone(root / "vit.safetensors"))
    source = write_photos(root / "photos")
    return TrainingContext(config(source), SilentReporter(), device="cpu", backbone=backbone)


def train(context: TrainingContext, **settings: object) -> TrainedBaseline:
    changes = {"epochs": 2, "batch_size": 8, **settings}
    return train_baseline("linear-probe", context, baseline_settings("linear-probe", **changes))


def weights(context: TrainingContext, **settings: object) -> torch.Tensor:
    probe = train(context, **settings)
    return probe.stage.classifier.weight.detach()


def test_it_separates_classes_that_differ_in_brightness(context):
    probe = train(context, epochs=10, lr=0.03)
    scores = context.score(context.predict(probe.predict, context.train_split))
    assert scores.overall > 0.6


def test_the_backbone_is_not_modified(context):
    before = hash_weights(context.backbone.model.state_dict())
    train(context, epochs=1)
    assert hash_weights(context.backbone.model.state_dict()) == before


def test_the_same_seed_gives_the_same_probe(context):
    assert torch.equal(weights(context), weights(context))


CHANGES = [{"init": "uniform"}, {"sampler": "instance"}, {"cached_views": 2}]


@pytest.mark.parametrize("change", CHANGES)
def test_every_setting_changes_the_probe(context, change):
    assert not torch.equal(weights(context), weights(context, **change))


def test_without_epochs_it_is_the_classifier_of_class_means(context):
    start = weights(context, epochs=0)
    torch.testing.assert_close(start.norm(dim=1), torch.ones(4))
    assert not torch.equal(start, weights(context, epochs=0, init="uniform"))


def test_cached_features_are_removed_after_training(context, tmp_path: Path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    weights(context, cached_views=2)
    assert list(tmp_path.iterdir()) == []
