"""The table of settings names, explains and bounds everything that can be set."""

import json

import pytest

from lpt.baselines.named_baselines import BASELINES
from lpt.config import RunConfig, load_config
from lpt.config.baseline_settings import BaselineSettings
from lpt.config.settings_table import run_settings, section_settings

ALL = [*run_settings(), *section_settings(BaselineSettings(), "baseline.")]


@pytest.mark.parametrize("setting", ALL, ids=lambda setting: setting.name)
def test_every_setting_has_a_type_a_default_and_a_meaning(setting):
    assert setting.meaning.endswith(".")
    assert "value" not in setting.type.split()
    json.dumps(setting.default)


def test_every_name_can_be_set_to_its_default():
    for setting in run_settings():
        assert RunConfig().changed({setting.name: setting.default}) == RunConfig()


def test_the_values_of_a_recipe_are_shown():
    values = {setting.name: setting.default for setting in run_settings(load_config("paper"))}
    assert values["recipe"] == "paper"
    assert values["phase1.loss.name"] == load_config("paper").phase1.loss.name


def test_types_name_choices_ranges_and_null():
    types = {setting.name: setting.type for setting in ALL}
    assert types["precision"] == "auto | float32 | bf16"
    assert types["augment.flip"] == "number >= 0, <= 1"
    assert types["prompts.shared_blocks"].startswith("integer >= 1")
    assert types["prompts.shared_blocks"].endswith("or null")
    assert types["augment.crop_scale"] == "list of 2 numbers"
    assert types["baseline.tta"] == "true or false"


@pytest.mark.parametrize("name", BASELINES)
def test_every_option_of_a_baseline_has_a_meaning(name):
    for setting in section_settings(BASELINES[name].options(), "baseline.options."):
        assert setting.meaning, setting.name
