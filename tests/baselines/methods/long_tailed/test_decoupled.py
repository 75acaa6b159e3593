"""Retraining a classifier leaves the backbone unchanged; tau-normalisation divides by norms."""

import pytest
import torch

from lpt.baselines import baseline_settings, train_baseline
from lpt.baselines.methods.long_tailed.decoupled import UnnormalisedClassifier, tau_normalised

from ...tiny import context, manifest

SHORT = {"batch_size": 8, "epochs": 2}


def test_tau_normalisation_by_hand():
    weight = torch.tensor([[3.0, 4.0], [0.0, 2.0]])
    torch.testing.assert_close(tau_normalised(weight, 0.0), weight)
    torch.testing.assert_close(tau_normalised(weight, 1.0), torch.tensor([[0.6, 0.8], [0.0, 1.0]]))
    half = torch.tensor([[3 / 5**0.5, 4 / 5**0.5], [0.0, 2**0.5]])
    torch.testing.assert_close(tau_normalised(weight, 0.5), half)


def test_norms_of_class_weights_scale_logits():
    classifier = UnnormalisedClassifier(2, 2)
    with torch.no_grad():
        classifier.weight.copy_(torch.tensor([[3.0, 4.0], [0.0, 2.0]]))
    found = classifier(torch.tensor([[0.0, 7.0]]))
    torch.testing.assert_close(found, torch.tensor([[4.0, 2.0]]))


@pytest.fixture(scope="module")
def tuned(backbone):
    return train_baseline("full", context(backbone), baseline_settings("full", **SHORT)).stage


def same(one, other) -> bool:
    own, theirs = one.state_dict(), other.state_dict()
    return all(torch.equal(own[name], theirs[name]) for name in own)


def test_the_second_stage_keeps_the_backbone_of_full_fine_tuning(backbone, tuned):
    second = train_baseline("crt", context(backbone), baseline_settings("crt", **SHORT)).stage
    assert same(tuned.encoder, second.encoder.encode)
    assert not torch.equal(second.classifier.weight, tuned.classifier.weight)
    assert second.branches[0].sampler == "balanced"


def test_the_second_stage_can_train_on_cached_views(backbone, tuned):
    settings = baseline_settings("crt", **SHORT, cached_views=2)
    second = train_baseline("crt", context(backbone), settings).stage
    assert same(tuned.encoder, second.encoder.encode)


def test_gcl_uses_its_own_loss_in_the_first_stage(backbone, tuned):
    second = train_baseline("gcl", context(backbone), baseline_settings("gcl", **SHORT)).stage
    assert not same(tuned.encoder, second.encoder.encode)
    assert second.branches[0].loss.name == "ce"


def norms(own, tau: float | None):
    settings = baseline_settings("tau-norm", **SHORT, options={"tau": tau})
    return train_baseline("tau-norm", own, settings).stage.classifier.weight.detach().norm(dim=1)


def test_tau_is_chosen_on_validation_images_and_fixed_without(backbone):
    raw = norms(context(backbone), 0.0)
    torch.testing.assert_close(norms(context(backbone), None), raw**0.3)
    with_images = context(backbone, manifest(val=True))
    chosen = norms(with_images, None).log() / norms(with_images, 0.0).log()
    torch.testing.assert_close(chosen, chosen[:1].expand(4), atol=1e-2, rtol=1e-2)
    exponent = float(chosen[0])
    assert min(abs(exponent - (1 - i / 10)) for i in range(11)) < 0.01
