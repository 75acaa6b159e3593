"""LPT with norms or adapters takes from the run what its own settings leave open."""

import pytest
import torch

from lpt.baselines import baseline_settings, train_baseline

from ..tiny import context


def classifier(backbone, settings=None, **changes):
    """Trained classifier of phase 1, in a run with weight decay and class means."""
    run = {
        "prompts__length": 2,
        "prompts__pool_size": 4,
        "phase1__optim__weight_decay": 0.5,
        "classifier__mean_weight": 0.5,
        **(settings or {}),
    }
    own = baseline_settings(
        "lpt-norm", epochs=1, batch_size=8, lr=0.01, options={"phases": 1}, **changes
    )
    stage = train_baseline("lpt-norm", context(backbone, **run), own).stage
    return stage.classifier.weight.detach()


@pytest.mark.parametrize(
    ("name", "run"),
    [
        ("mean_weight", "classifier__mean_weight"),
        ("weight_decay", "phase1__optim__weight_decay"),
    ],
)
def test_an_explicit_zero_overrides_the_run(backbone, name, run):
    of_run = classifier(backbone)
    assert torch.equal(of_run, classifier(backbone, **{name: 0.5}))
    zero = classifier(backbone, **{name: 0.0})
    assert not torch.equal(of_run, zero)
    assert torch.equal(zero, classifier(backbone, {run: 0.0}))


def test_learning_rates_of_prompts_are_those_of_the_run(backbone):
    plain = classifier(backbone)
    assert not torch.equal(plain, classifier(backbone, {"phase1__optim__lr": 0.3}))
    assert not torch.equal(plain, classifier(backbone, classifier_lr=0.1))
    run = {"phase1__optim__classifier_lr": 0.1}
    assert torch.equal(classifier(backbone, classifier_lr=0.1), classifier(backbone, run))
