"""RIDE's divergence against its equation in plain loops; equal experts are LIFT."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from lpt.baselines import BASELINES, baseline_settings, train_baseline
from lpt.baselines.methods.long_tailed.ride import class_temperatures, divergence_from_mean
from lpt.errors import ConfigError
from lpt.losses import register_loss
from lpt.losses.named_losses import LOSSES
from lpt.training.engine.stage import Progress
from lpt.training.phases.class_means import means_of

from ...tiny import COUNTS, context, disturb

SMALL = {"bottleneck": 4, "expert_bottleneck": 4}


def trained(backbone, options=None, **changes):
    options = {**SMALL, **(options or {})}
    settings = {"epochs": 0, "batch_size": 8, "tta": False, **changes}
    return train_baseline(
        "ride", context(backbone), baseline_settings("ride", options=options, **settings)
    )


def step_of(stage, images):
    return stage.draw({"images": images}, torch.tensor([0, 1, 2, 3]))


def reference(logits: Tensor, temperatures: Tensor) -> list[float]:
    """The equation, as plain sums."""

    def softmax(values: Tensor) -> list[float]:
        powers = [math.exp(v / t) for v, t in zip(values.tolist(), temperatures, strict=True)]
        return [power / sum(powers) for power in powers]

    values = []
    for image in range(logits.shape[1]):
        mean = softmax(logits[:, image].mean(0))
        own = [softmax(expert[image]) for expert in logits]
        kl = [sum(m * math.log(m / p) for m, p in zip(mean, q, strict=True)) for q in own]
        values.append(float(temperatures.mean()) ** 2 * sum(kl) / len(kl))
    return values


def test_the_divergence_is_that_of_the_equation():
    torch.manual_seed(0)
    logits, temperatures = torch.randn(3, 5, 4), torch.tensor([1.0, 0.5, 2.0, 0.75])
    found = divergence_from_mean(logits, temperatures)
    torch.testing.assert_close(found, torch.tensor(reference(logits, temperatures)))


def test_equal_experts_have_neither_divergence_nor_a_gradient_of_it():
    logits = torch.randn(1, 5, 4, generator=torch.Generator().manual_seed(0)).repeat(3, 1, 1)
    logits.requires_grad_(True)
    divergence = divergence_from_mean(logits, torch.tensor([1.0, 0.5, 2.0, 0.75]))
    divergence.sum().backward()
    torch.testing.assert_close(divergence, torch.zeros(5))
    assert logits.grad is not None
    torch.testing.assert_close(logits.grad, torch.zeros(3, 5, 4))


def test_the_gradient_of_the_divergence_moves_experts_apart():
    """Of two experts that disagree a little, each becomes surer of its own class."""
    logits = torch.tensor([[[0.1, 0.0]], [[0.0, 0.1]]], requires_grad=True)
    before = divergence_from_mean(logits, torch.ones(2))
    before.sum().backward()
    assert logits.grad is not None
    assert (logits.grad[0, 0] * torch.tensor([1.0, -1.0]) > 0).all()
    assert (logits.grad[1, 0] * torch.tensor([-1.0, 1.0]) > 0).all()
    with torch.no_grad():
        after = divergence_from_mean(logits + logits.grad, torch.ones(2))
    assert after > before


def test_rarer_classes_have_lower_temperatures():
    found = class_temperatures(torch.tensor([70, 20, 10, 0]), temperature=2.0, gamma=0.5)
    share = torch.tensor([0.5 * 4 * n + 0.5 for n in (0.7, 0.2, 0.1, 0.0)])
    torch.testing.assert_close(found, 2.0 * share / share[0])
    assert (found.diff() < 0).all()


@pytest.mark.parametrize(("counts", "gamma"), [((90, 10), 0.0), ((5, 5), 0.5)])
def test_without_gamma_or_with_equal_counts_all_temperatures_are_equal(counts, gamma):
    found = class_temperatures(torch.tensor(counts), temperature=0.5, gamma=gamma)
    torch.testing.assert_close(found, torch.tensor([0.5, 0.5]))


def test_equal_experts_without_diversity_are_lift(backbone, images):
    """At the start, all bottlenecks are the identity and all classifiers the class means."""
    ride = trained(backbone, {"diversity": 0.0}).stage
    settings = baseline_settings("lift", epochs=0, options={"bottleneck": 4}, tta=False)
    lift = train_baseline("lift", context(backbone), settings).stage
    torch.testing.assert_close(ride.predict(images).logits, lift.predict(images).logits)
    found = ride(step_of(ride, images), Progress(0, 1))
    wanted = lift(step_of(lift, images), Progress(0, 1))
    torch.testing.assert_close(found.total, wanted.total)


def test_the_objective_is_the_mean_loss_minus_the_weighted_divergence(backbone, images):
    stage = trained(backbone, {"diversity": 0.7, "temperature": 2.0, "gamma": 0.3}).stage
    disturb(stage)
    terms = stage(step_of(stage, images), Progress(0, 1))
    output = stage.predict(images)
    prior = (torch.tensor(COUNTS) / sum(COUNTS)).log()
    logits = torch.stack([25 * expert.logits for expert in output.experts])
    losses = [F.cross_entropy(own + prior, torch.tensor([0, 1, 2, 3])) for own in logits]
    temperatures = class_temperatures(torch.tensor(COUNTS), temperature=2.0, gamma=0.3)
    divergence = sum(reference(logits, temperatures)) / 4
    assert divergence > 0.01
    torch.testing.assert_close(terms.total, sum(losses) / 3 - 0.7 * divergence)


def test_the_prediction_is_the_mean_of_the_experts(backbone, images):
    stage = trained(backbone, {"experts": 2}).stage
    disturb(stage)
    output = stage.predict(images)
    one, other = (expert.logits for expert in output.experts)
    assert not torch.allclose(one, other, atol=1e-2)
    torch.testing.assert_close(output.logits, (one + other) / 2)


def test_training_with_diversity_makes_experts_disagree_more(backbone, images):
    """With a uniform start, experts disagree anyway; from class means, only by training."""

    def divergence(weight: float) -> Tensor:
        stage = trained(backbone, {"diversity": weight}, epochs=3, lr=0.01).stage
        with torch.no_grad():
            logits = torch.stack([expert.logits for expert in stage.predict(images).experts])
        return divergence_from_mean(25 * logits, torch.ones(len(COUNTS))).mean()

    assert divergence(0.9) > 1.5 * divergence(0.0) > 0


def test_by_default_a_bottleneck_has_no_more_weights_than_a_classifier(backbone):
    """It is the widest power of two that keeps to that."""
    stage = trained(backbone, {"expert_bottleneck": None}).stage
    for expert in stage.experts:
        own = expert.bottleneck.down.weight.numel() + expert.bottleneck.up.weight.numel()
        assert own <= expert.classifier.weight.numel() < 2 * own


def test_uniform_starts_differ_among_experts(backbone):
    experts = trained(backbone, init="uniform").stage.experts
    weights = [expert.classifier.weight for expert in experts]
    assert not torch.allclose(weights[0], weights[1], atol=0.1)
    assert not torch.allclose(weights[1], weights[2], atol=0.1)


def test_micro_batches_add_up_to_the_step(backbone, images):
    stage = trained(backbone).stage
    disturb(stage)
    step = step_of(stage, images)
    parts = [stage(part, Progress(0, 1)).total for part in step.parts(3)]
    torch.testing.assert_close(sum(parts), stage(step, Progress(0, 1)).total)


def test_each_expert_is_interpolated_with_the_means_of_its_own_features(backbone):
    """A weight of 1 gives the class means themselves."""
    settings = {"epochs": 2, "lr": 0.01}
    stage = trained(backbone, mean_weight=1.0, **settings).stage
    plain = trained(backbone, **settings).stage
    for expert, unchanged in zip(stage.experts, plain.experts, strict=True):

        def encode(pictures: Tensor, bottleneck=expert.bottleneck) -> Tensor:
            return bottleneck(stage.encoder(pictures))

        means = F.normalize(means_of(context(backbone), encode, ""), dim=1)
        found = F.normalize(expert.classifier.weight, dim=1)
        torch.testing.assert_close(found, means)
        before = F.normalize(unchanged.classifier.weight, dim=1)
        assert not torch.allclose(found, before, atol=1e-3)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("experts", 0),
        ("experts", 65),
        ("experts", 2.5),
        ("expert_bottleneck", 0),
        ("bottleneck", 0),
        ("diversity", -0.1),
        ("temperature", 0.0),
        ("gamma", -0.1),
        ("gamma", 1.0),
    ],
)
def test_options_out_of_range_are_refused(option, value):
    with pytest.raises(ConfigError, match=f"baseline ride: option {option}={value}: must be"):
        baseline_settings("ride", options={option: value})


def test_a_loss_without_a_scale_is_refused(backbone):
    def plain(cosine, labels):
        return F.cross_entropy(cosine, labels, reduction="none")

    register_loss("plain", plain)
    try:
        with pytest.raises(ConfigError, match=r"baseline ride: loss=plain .*loss=logit-adjustment"):
            trained(backbone, loss="plain", loss_options={})
    finally:
        LOSSES.unregister("plain")


def test_settings_are_those_of_lift():
    assert BASELINES["ride"].defaults == BASELINES["lift"].defaults
