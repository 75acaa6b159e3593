"""The schedule is warm-up and cosine; each role has its own learning rate."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from lpt.config import OptimConfig
from lpt.training.engine.optim import ROLES, build_optimizer, schedule, set_lrs


@given(st.integers(1, 60), st.integers(1, 60), st.floats(0, 20))
def test_the_learning_rate_rises_then_falls_and_stays_between_zero_and_its_peak(
    steps, epochs, warmup
):
    shares = [schedule(i, steps, epochs, warmup) for i in range(steps * epochs)]
    top = shares.index(max(shares))
    assert shares[: top + 1] == sorted(shares[: top + 1])
    assert shares[top:] == sorted(shares[top:], reverse=True)
    assert all(0 < share <= 1 for share in shares)


def test_warm_up_is_linear_and_the_cosine_passes_a_half_in_its_middle():
    assert [schedule(i, 4, 5, 1) for i in range(4)] == pytest.approx([0.2, 0.4, 0.6, 0.8])
    assert schedule(4, 4, 5, 1) == 1
    assert schedule(12, 4, 5, 1) == pytest.approx(0.5)


def test_warm_up_takes_no_more_than_a_quarter_of_a_short_phase():
    assert [schedule(i, 4, 1, 5) for i in range(2)] == pytest.approx([0.5, 1])


def test_no_warm_up_starts_at_the_peak():
    assert schedule(0, 10, 10, 0) == 1


def groups() -> dict[str, list[nn.Parameter]]:
    return {role: [nn.Parameter(torch.ones(3))] for role in ROLES}


def peaks(config: OptimConfig, batch: int = 64) -> dict[str, float]:
    made = groups()
    optimizer = build_optimizer(config, made, batch)
    of = {id(group["params"][0]): group["peak"] for group in optimizer.param_groups}
    return {role: of[id(parameters[0])] for role, parameters in made.items()}


def test_roles_without_their_own_learning_rate_share_one():
    assert peaks(OptimConfig(lr=0.1)) == dict.fromkeys(ROLES, 0.1)


def test_adapters_classifier_and_keys_may_have_their_own_learning_rates():
    config = OptimConfig(lr=0.1, classifier_lr=0.01, key_lr=0.5, adapter_lr=0.2)
    own = {"adapters": 0.2, "keys": 0.5, "classifier": 0.01}
    assert peaks(config) == {"prompts": 0.1, "backbone": 0.1, **own}


def test_learning_rates_scale_with_the_batch_of_one_branch_if_configured():
    """Method, section 6: 0.02 * B / 256."""
    config = OptimConfig(lr=0.02, classifier_lr=0.2, scale_lr=True)
    assert peaks(config, batch=64) == pytest.approx(
        {**dict.fromkeys(ROLES, 0.005), "classifier": 0.05}
    )


@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_decay_covers_every_group_and_set_lrs_sets_all(name):
    config = OptimConfig(name=name, lr=0.1, weight_decay=0.01, key_lr=0.4)
    optimizer = build_optimizer(config, groups(), 8)
    set_lrs(optimizer, 0.5)
    assert {g["weight_decay"] for g in optimizer.param_groups} == {0.01}
    assert sorted(g["lr"] for g in optimizer.param_groups) == pytest.approx([*[0.05] * 4, 0.2])


def test_sgd_has_the_momentum_that_is_configured():
    optimizer = build_optimizer(OptimConfig(name="sgd", momentum=0.8), groups(), 8)
    assert {g["momentum"] for g in optimizer.param_groups} == {0.8}


def test_a_role_that_a_stage_lacks_has_no_group():
    optimizer = build_optimizer(OptimConfig(), {"classifier": [nn.Parameter(torch.ones(1))]}, 8)
    assert len(optimizer.param_groups) == 1


def test_a_parameter_may_have_a_multiple_of_the_learning_rate_of_its_role():
    made = groups() | {"backbone": [nn.Parameter(torch.ones(i)) for i in (1, 2, 3)]}
    low, plain, also_low = made["backbone"]
    config = OptimConfig(lr=0.2, classifier_lr=0.01, scale_lr=True)
    optimizer = build_optimizer(config, made, 128, {low: 0.25, also_low: 0.25})
    peaks = {p: group["peak"] for group in optimizer.param_groups for p in group["params"]}
    assert len(peaks) == len(ROLES) + 2
    assert [peaks[p] for p in (low, plain, also_low)] == pytest.approx([0.025, 0.1, 0.025])
    assert peaks[made["classifier"][0]] == pytest.approx(0.005)
