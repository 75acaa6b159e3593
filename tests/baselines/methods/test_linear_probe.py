"""The rival learns a classifier alone, from the same images by the same loop."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from lpt.backbones import hash_weights
from lpt.baselines import Trained, rival_settings, train_rival
from lpt.progress import SilentReporter
from lpt.training.run.context import Workbench

from ..tiny import backbone_of, config, write_backbone, write_photos


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    root = tmp_path_factory.mktemp("probe")
    backbone = backbone_of(write_backbone(root / "vit.safetensors"))
    source = write_photos(root / "photos")
    return Workbench(config(source), SilentReporter(), device="cpu", backbone=backbone)


def train(bench: Workbench, **settings: object) -> Trained:
    changes = {"epochs": 2, "batch": 8, **settings}
    return train_rival("linear-probe", bench, rival_settings("linear-probe", **changes))


def weights(bench: Workbench, **settings: object) -> torch.Tensor:
    probe = train(bench, **settings)
    return probe.stage.classifier.weight.detach()


def test_it_separates_classes_that_differ_in_brightness(bench):
    probe = train(bench, epochs=10, rate=0.03)
    scores = bench.score(bench.predict(probe.predict, bench.train_split))
    assert scores.overall > 0.6


def test_the_backbone_is_left_as_it_was(bench):
    before = hash_weights(bench.backbone.model.state_dict())
    train(bench, epochs=1)
    assert hash_weights(bench.backbone.model.state_dict()) == before


def test_the_same_seed_gives_the_same_probe(bench):
    assert torch.equal(weights(bench), weights(bench))


@pytest.mark.parametrize("change", [{"init": "uniform"}, {"sampler": "instance"}, {"views": 2}])
def test_every_setting_counts(bench, change):
    assert not torch.equal(weights(bench), weights(bench, **change))


def test_without_epochs_it_is_the_classifier_of_class_means(bench):
    start = weights(bench, epochs=0)
    torch.testing.assert_close(start.norm(dim=1), torch.ones(4))
    assert not torch.equal(start, weights(bench, epochs=0, init="uniform"))


def test_no_file_of_its_cached_features_stays(bench, tmp_path: Path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    weights(bench, views=2)
    assert list(tmp_path.iterdir()) == []
