"""Keys depend on facts only: not on names, order, types of sequences or the last digits."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpt.baselines import baseline_settings
from lpt.config import RunConfig, load_config
from lpt.errors import ConfigError
from lpt.studies.plan import run_key as module
from lpt.studies.plan.run_facts import RUN_FACTS
from lpt.studies.plan.run_key import (
    baseline_facts,
    canonical,
    config_facts,
    expand_names,
    run_key,
    visible_config,
)

ALL = frozenset(RUN_FACTS)


def test_keys_stay_the_same():
    """Another key here makes every finished run a new one: then increase KEY_VERSION."""
    assert run_key({"method": "lpt", "seed": 0, "lr": 0.009}) == "7c6a16989e8bfe4ce099"


def test_another_version_gives_other_keys(monkeypatch):
    before = run_key({"seed": 0})
    monkeypatch.setattr(module, "KEY_VERSION", module.KEY_VERSION + 1)
    assert run_key({"seed": 0}) != before


@given(st.dictionaries(st.text(), st.integers() | st.text() | st.lists(st.booleans()), min_size=2))
def test_the_order_of_facts_does_not_matter(facts):
    names = list(facts)
    random.Random(0).shuffle(names)
    assert run_key({name: facts[name] for name in names}) == run_key(facts)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (0.009, 0.009000000000000001),
        (1 / 3 * 0.03, 0.01),
        (20, 20.0),
        ((0.4, 1.0), [0.4, 1]),
        ({"scale": (1.0,)}, {"scale": [1]}),
    ],
)
def test_equal_values_are_written_alike(one, other):
    assert canonical(one) == canonical(other)
    assert run_key({"fact": one}) == run_key({"fact": other})


@pytest.mark.parametrize(("one", "other"), [(0.009, 0.00900001), (True, "True"), (None, 0)])
def test_other_values_give_other_keys(one, other):
    assert run_key({"fact": one}) != run_key({"fact": other})


CHANGED = {
    "feature": "auto",
    "classifier passes": "auto",
    "phase 1 learning rate": 0.01,
    "phase 1 learning rate of the classifier": 0.003,
}
"""Defaults that were others when they became facts: they are written out."""


def test_defaults_are_left_out_unless_they_were_others_before():
    assert config_facts(load_config("default"), ALL) == CHANGED
    changed = RunConfig().changed({"phase1.optim.lr": 0.1, "augment.crop_scale": [0.2, 1]})
    assert config_facts(changed, ALL) == CHANGED | {
        "phase 1 learning rate": 0.1,
        "crop scale": [0.2, 1],
    }


def test_settings_that_are_not_read_are_left_out():
    changed = RunConfig().changed({"phase1.optim.lr": 0.1, "prompts.length": 5})
    assert config_facts(changed, {"prompts.length"}) == {"prompt length": 5}


def test_facts_of_a_baseline_leave_defaults_out_but_not_its_own_options():
    settings = baseline_settings("lora", epochs=20, batch_size=8, lr=0.002)
    facts = baseline_facts(settings)
    assert facts["learning rate"] == 0.002
    assert facts["batch size"] == 8
    assert facts["options"] == dict(settings.options)
    assert "epochs" not in facts


def test_a_second_data_set_is_named_by_its_identity():
    settings = baseline_settings("multitask", options={"other": "/some/where"})
    assert baseline_facts(settings, {"images": "abc"})["options"] == {"other": {"images": "abc"}}


def test_hidden_settings_have_their_omitted_value():
    changed = RunConfig().changed({"phase1.epochs": 3, "prompts.length": 5, "seed": 7})
    visible = visible_config(changed, {"prompts.length"})
    omitted = {name: fact.omitted for name, fact in RUN_FACTS.items() if fact.name in CHANGED}
    assert visible == RunConfig().changed({"prompts.length": 5, "seed": 7, **omitted})


def test_sections_stand_for_their_settings():
    assert expand_names(["augment", "prompts.length"], "x") == {
        *(name for name in RUN_FACTS if name.startswith("augment.")),
        "prompts.length",
    }
    assert "phase1.optim.lr" in expand_names(["phase1"], "x")


@pytest.mark.parametrize("name", ["phase3", "phase1.optim.rate", "aug", ""])
def test_unknown_names_are_refused(name):
    with pytest.raises(ConfigError, match=f"^method x: declares to read '{name}'"):
        expand_names([name], "method x")


def test_an_option_that_came_later_renames_no_run():
    """Runs of full fine-tuning were made when it had no options."""
    assert "options" not in baseline_facts(baseline_settings("full"))
    decayed = baseline_settings("full", options={"layer_decay": 0.75})
    assert baseline_facts(decayed)["options"] == {"layer_decay": 0.75}
    assert baseline_facts(baseline_settings("lift"))["options"] == {"bottleneck": None}
