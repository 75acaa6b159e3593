"""The sampled images depend only on seed, stage and epoch."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpt.data.sampling import SAMPLERS
from lpt.training.engine.sampling_plan import EpochPlan

plans = st.builds(
    EpochPlan,
    labels=st.lists(st.integers(0, 4), min_size=1, max_size=40).map(np.array),
    samplers=st.lists(st.sampled_from(sorted(SAMPLERS)), min_size=1, max_size=2),
    batch=st.integers(1, 50),
    epochs=st.just(3),
    seed=st.integers(0, 2**31),
    stage=st.integers(0, 1),
    epoch_images=st.none() | st.integers(1, 60),
    views=st.integers(0, 3),
)


@given(plans, st.integers(0, 2))
def test_every_step_holds_whole_branches_of_equal_size(plan, epoch):
    """Also where a batch is larger than the data."""
    steps = plan.draws(epoch)
    assert len(steps) == plan.steps == -(-plan.images // plan.batch)
    assert {len(step) for step in steps} == {plan.batch * len(plan.samplers)}
    assert {draw.index for step in steps for draw in step} <= set(range(len(plan.labels)))


@given(plans, st.integers(0, 2))
def test_an_epoch_is_the_same_every_time(plan, epoch):
    assert plan.draws(epoch) == plan.draws(epoch)


@given(plans, st.integers(0, 2), st.integers(0, 5))
def test_a_shortened_epoch_has_the_first_of_its_steps(plan, epoch, steps):
    cut = plan.shortened(epoch, steps)
    assert cut.draws(epoch) == plan.draws(epoch)[:steps]
    assert len(cut.draws(epoch)) == cut.steps_of(epoch)
    other = (epoch + 1) % 3
    assert cut.draws(other) == plan.draws(other)
    assert cut.steps_of(other) == plan.steps


@given(plans)
def test_no_two_draws_are_augmented_alike_unless_views_are_cached(plan):
    keys = [draw.key for epoch in range(3) for step in plan.draws(epoch) for draw in step]
    if plan.views:
        images = len(plan.labels)
        assert len(set(keys)) <= plan.views * images
        assert set(keys) <= {
            plan.view_of(i, v).key for i in range(images) for v in range(plan.views)
        }
    else:
        assert len(set(keys)) == len(keys)


def plan_of(**changes) -> EpochPlan:
    settings = {"labels": np.arange(40) % 5, "samplers": ("balanced", "instance"), "batch": 8}
    return EpochPlan(**{**settings, "epochs": 3, "seed": 1, "stage": 0, **changes})


@pytest.mark.parametrize("change", [{"seed": 2}, {"stage": 1}])
def test_seed_and_stage_change_the_draws(change):
    assert plan_of().draws(0) != plan_of(**change).draws(0)


def test_epochs_differ():
    assert plan_of().draws(0) != plan_of().draws(1)


def test_the_instance_branch_samples_every_image_once_per_epoch():
    sampled = [d.index for step in plan_of().draws(0) for d in step[8:]]
    assert sorted(sampled) == list(range(40))


def test_a_capped_epoch_is_the_start_of_a_whole_one():
    whole, capped = plan_of(), plan_of(epoch_images=16)
    assert capped.steps == 2
    assert capped.draws(0) == whole.draws(0)[:2]


def test_a_view_belongs_to_its_image_in_both_phases_and_branches():
    assert plan_of(stage=0).view_of(3, 1) == plan_of(stage=1).view_of(3, 1)
    assert plan_of().view_of(3, 1) != plan_of().view_of(3, 0)


def test_all_views_are_sampled_in_time():
    plan = plan_of(views=3, epochs=20)
    keys = {d.key for epoch in range(20) for step in plan.draws(epoch) for d in step}
    assert len(keys) == 3 * 40


@given(plans)
def test_draws_know_the_share_of_the_stage_that_is_done(plan):
    """Also those that a resumed run or another process makes; cached views are of no epoch."""
    shares = [{draw.share for step in plan.draws(epoch) for draw in step} for epoch in range(3)]
    assert shares == ([{0.0}] * 3 if plan.views else [{0.0}, {0.5}, {1.0}])
    assert list(plan.draws_from(2, 1)) == plan.draws(2)[1:]


def test_a_stage_of_one_epoch_does_not_grow():
    assert plan_of(epochs=1).draws(0)[0][0].share == 0
