"""Training by name fills in what settings leave open, and reaches every part of training."""

import pytest
import torch
import torch.nn.functional as F

from lpt.baselines import BaselineSettings, baseline_settings, train_baseline
from lpt.errors import ConfigError
from lpt.model.classifier import class_means

from .tiny import context


def test_without_a_learning_rate_the_default_is_taken(backbone):
    settings = BaselineSettings(epochs=1, batch_size=8)
    found = train_baseline("norm", context(backbone), settings).stage.state_dict()
    settings = settings.changed({"lr": baseline_settings("norm").lr})
    wanted = train_baseline("norm", context(backbone), settings).stage.state_dict()
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)


@pytest.mark.parametrize("name", ["full", "paco", "crt", "tau-norm"])
def test_a_classifier_can_end_at_the_class_means(name, backbone):
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


def test_no_weight_decay_and_no_class_means_are_zero(backbone):
    def stage(**changes):
        settings = baseline_settings("norm", epochs=1, batch_size=8, **changes)
        return train_baseline("norm", context(backbone), settings).stage.state_dict()

    found, wanted = stage(weight_decay=None, mean_weight=None), stage()
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)


@pytest.mark.parametrize(
    ("name", "run", "change", "problem"),
    [
        ("norm", {}, {"cached_views": 2}, r"baseline norm: cached_views=2.*Set cached_views=0"),
        ("paco", {}, {"loss": "focal"}, r"baseline paco: loss=focal.*Set loss=ce"),
        ("multitask", {"augment__mixup": 0.2}, {}, r"baseline multitask: augment\.mixup=0\.2"),
    ],
)
def test_settings_that_a_baseline_does_not_support_are_refused(
    backbone, name, run, change, problem
):
    with pytest.raises(ConfigError, match=problem):
        train_baseline(name, context(backbone, **run), baseline_settings(name, **change))
