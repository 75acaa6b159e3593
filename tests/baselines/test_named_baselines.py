"""Baselines are found by name, with their settings, options and stages."""

import pytest

from lpt.baselines import (
    BASELINES,
    COMMON_READS,
    baseline_names,
    baseline_reads,
    baseline_settings,
    baseline_stages,
)
from lpt.errors import ConfigError


def test_an_unknown_baseline_is_refused_with_the_known_ones():
    with pytest.raises(
        ConfigError, match=r"baseline 'dreams': unknown\. .*linear-probe.*multitask"
    ):
        baseline_settings("dreams")


def test_options_are_written_out_and_checked():
    assert baseline_settings("lora", options={"rank": 2}).options["alpha"] == 8
    with pytest.raises(ConfigError, match="baseline lora: option rank=0: must be at least 1"):
        baseline_settings("lora", options={"rank": 0})


def test_options_of_a_loss_are_checked_before_training():
    with pytest.raises(ConfigError, match=r"baseline norm: loss focal.*beta"):
        baseline_settings("norm", loss="focal", loss_options={"beta": 1.0})


@pytest.mark.parametrize(
    ("name", "changes", "epochs"),
    [
        ("full", {"epochs": 7}, (7,)),
        ("lift", {}, (10,)),
        ("crt", {}, (20, 10)),
        ("crt", {"epochs": 4}, (4, 4)),
        ("gcl", {"options": {"classifier_epochs": 3}}, (20, 3)),
        ("lpt-norm", {"epochs": 2}, (2, 2)),
        ("lpt-adapter", {"epochs": 2, "options": {"phases": 1}}, (2,)),
    ],
)
def test_stages_follow_from_settings_and_options(name, changes, epochs):
    assert baseline_stages(name, baseline_settings(name, **changes)) == epochs


def test_every_built_in_description_is_complete():
    for name in baseline_names():
        BASELINES[name].check(name)
        assert set(COMMON_READS) <= set(baseline_reads(name))
        assert baseline_settings(name).lr is not None
