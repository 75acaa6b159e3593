"""The run state is immutable; only a new state changes a run."""

from dataclasses import FrozenInstanceError

import pytest

from lpt.config import RunConfig
from lpt.errors import ConfigError
from lpt.training.run.run_state import RunState


def test_the_first_state_has_nothing_left_to_choose():
    state = RunState.resolved(RunConfig(), train_images=1000, backbone="vit_x.in21k")
    assert state.config.phase1.batch_size == state.config.phase2.batch_size == 20
    assert state.config.backbone == "vit_x.in21k"


def test_a_state_cannot_be_changed_in_place():
    state = RunState(RunConfig())
    with pytest.raises(FrozenInstanceError):
        state.config = RunConfig(seed=1)


def test_a_change_makes_a_new_state_and_is_validated():
    state = RunState(RunConfig())
    changed = state.changed(**{"data.many_above": 50})
    assert (changed.groups.many_above, state.groups.many_above) == (50, 100)
    with pytest.raises(ConfigError, match=r"phase1\.foo"):
        state.changed(**{"phase1.foo": 1})
