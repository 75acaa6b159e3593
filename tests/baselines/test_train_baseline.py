"""Settings are checked where they are made, and what is missing is filled in."""

import pytest
import torch
import torch.nn.functional as F

from lpt.baselines import BaselineSettings, baseline_settings, train_baseline
from lpt.errors import ConfigError
from lpt.model.classifier import class_means

from .tiny import context


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"epochs": -1}, "epochs=-1: choose a whole number, 0 or more"),
        ({"batch_size": -1}, "batch_size=-1: choose a whole number, 0 or more"),
        ({"lr": 0.0}, "lr=0.0: choose a number above 0"),
        ({"mean_weight": 1.5}, "mean_weight=1.5: choose a number from 0 to 1"),
        ({"init": "zero"}, "init=zero: choose one of class-means, uniform"),
        ({"speed": 3}, "rival full: unknown setting 'speed'"),
    ],
)
def test_what_is_out_of_range_or_unknown_is_refused(change, words):
    with pytest.raises(ConfigError, match=words):
        baseline_settings("full", **change)


def test_an_unknown_rival_is_refused_with_those_there_are():
    with pytest.raises(ConfigError, match=r"rival 'dreams': unknown\. .*linear-probe.*multitask"):
        baseline_settings("dreams")


def test_options_are_written_out_and_checked():
    assert baseline_settings("lora", options={"rank": 2}).options["alpha"] == 8
    with pytest.raises(ConfigError, match="rival lora, option rank=0"):
        baseline_settings("lora", options={"rank": 0})


def test_without_a_rate_the_rivals_own_is_taken(backbone):
    trained = train_baseline("norm", context(backbone), BaselineSettings(epochs=1, batch_size=8))
    assert trained.seconds > 0


@pytest.mark.parametrize("name", ["full", "paco", "crt", "tau-norm"])
def test_a_rivals_classes_can_end_at_the_means_of_its_features(name, backbone):
    own = context(backbone)
    settings = baseline_settings(name, epochs=1, batch_size=8, mean_weight=1.0)
    stage = train_baseline(name, own, settings).stage
    split = own.some_of_each_class(100)
    features = own.features(lambda images: stage.predict(images).feature, split, "means")
    means = class_means(features, torch.from_numpy(split.labels), own.data.num_classes)
    cosines = F.cosine_similarity(stage.classifier.weight.detach(), means)
    torch.testing.assert_close(cosines, torch.ones(len(means)), atol=1e-4, rtol=0)


def test_weight_decay_dropout_sampler_and_loss_reach_training(backbone):
    def weight(**changes):
        settings = baseline_settings("norm", epochs=1, batch_size=8, **changes)
        return train_baseline("norm", context(backbone), settings).stage.classifier.weight.detach()

    plain = weight()
    changes = {"weight_decay": 0.5, "dropout": 0.2, "sampler": "dual", "loss": "agcl", "lr": 0.1}
    for change in ({name: value} for name, value in changes.items()):
        assert not (weight(**change) == plain).all()
