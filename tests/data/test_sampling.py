"""Registered samplers. Every sampler keeps the contract of tests/contracts/test_samplers.py."""

import numpy as np
import pytest

from lpt.config import load_config
from lpt.data.sampling import SAMPLERS, register_sampler, sample_epoch
from lpt.errors import ConfigError
from lpt.random_streams import random_stream
from lpt.training.engine.sampling_plan import EpochPlan


def rarest_first(labels, *, seed, phase, epoch):
    """Every image once, classes from the rarest to the most frequent."""
    y = np.asarray(labels)
    shuffled = random_stream(seed, phase, epoch, 77).permutation(len(y))
    return shuffled[np.argsort(np.bincount(y)[y[shuffled]], kind="stable")]


@pytest.fixture
def registered():
    register_sampler("rarest-first", rarest_first)
    yield "rarest-first"
    SAMPLERS.unregister("rarest-first")


def test_a_registered_sampler_is_used_by_a_sampling_plan(registered):
    labels = np.array([0, 0, 0, 0, 1, 1, 2])
    plan = EpochPlan(labels, [registered], batch=3, epochs=2, seed=5, stage=1)
    first, again = (plan.draws(epoch=1) for _ in range(2))
    assert first == again != plan.draws(epoch=0)
    sampled = [labels[draw.index] for step in first for draw in step][:7]
    assert sampled == [2, 1, 1, 0, 0, 0, 0]


def test_settings_accept_a_registered_sampler_and_name_all_if_unknown(registered):
    config = load_config("default")
    changed = config.changed({"phase1.sampler": registered, "phase2.dual_sampler": registered})
    assert (changed.phase1.sampler, changed.phase2.dual_sampler) == (registered, registered)
    with pytest.raises(ConfigError, match=r"must be one of 'instance'.*'rarest-first' or 'dual'"):
        config.changed({"phase1.sampler": "rarest"})
    with pytest.raises(ConfigError, match=r"must be one of 'balanced'.* or 'rarest-first'"):
        config.changed({"phase2.dual_sampler": "instance"})


def test_taken_names_are_refused():
    for name in ("balanced", "dual"):
        with pytest.raises(ConfigError, match="Choose another name"):
            register_sampler(name, rarest_first)


@pytest.mark.parametrize("ids", [[0, 1], [0, 1, 3], [0, -1, 1], [0.0, 1.0, 2.0], [[0, 1, 2]]])
def test_a_sampler_that_breaks_its_contract_is_named(ids):
    register_sampler("broken", lambda labels, *, seed, phase, epoch: np.array(ids))
    try:
        with pytest.raises(ConfigError, match=r"sampler 'broken' returned .* for 3 images"):
            sample_epoch("broken", [0, 0, 1], seed=0, phase=1, epoch=0)
    finally:
        SAMPLERS.unregister("broken")
