"""Settings of 0.1 are accepted under their old names, with a warning that gives the new one."""

import warnings
from pathlib import Path

import pytest
import yaml

from lpt.config import RunConfig, load_config, parse_settings
from lpt.config.old_names import BASELINE_SETTINGS, RUN_SETTINGS, current_names
from lpt.deprecation import RenamedWarning
from lpt.errors import ConfigError

OLD_RUN = Path(__file__).parents[1] / "golden" / "v0_1" / "run" / "config.yaml"


def value_at(tree: dict, path: str):
    for part in path.split("."):
        tree = tree[part]
    return tree


@pytest.mark.parametrize(("old", "new"), RUN_SETTINGS.items())
def test_an_old_setting_sets_the_new_one_and_warns(old, new):
    value = {"batch": 12, "dual_order": "class-cycle", "top": 3, "scale_with_batch": True}
    given = value.get(old.rpartition(".")[2], 0.125)
    with pytest.warns(RenamedWarning, match=f"setting {old} is now {new}"):
        config = RunConfig().changed({old: given})
    assert value_at(config.model_dump(), new) == given


def test_only_the_last_part_of_a_name_changes():
    for old, new in {**RUN_SETTINGS, **BASELINE_SETTINGS}.items():
        assert old.rpartition(".")[0] == new.rpartition(".")[0]


def test_settings_that_are_nested_are_renamed_too():
    with pytest.warns(RenamedWarning, match="phase1.optim.rate"):
        found = current_names({"phase1": {"optim": {"rate": 0.5}, "epochs": 1}})
    assert found == {"phase1": {"optim": {"lr": 0.5}, "epochs": 1}}


def test_the_same_setting_under_both_names_is_refused():
    with pytest.raises(ConfigError, match=r"phase1\.batch_size is its new name"):
        current_names({"phase1.batch": 1, "phase1.batch_size": 2}, warn=False)


def test_the_command_line_form_is_accepted():
    with pytest.warns(RenamedWarning, match=r"prompts\.top is now prompts\.top_k"):
        config = RunConfig().changed(parse_settings(["prompts.top=3"]))
    assert config.prompts.top_k == 3


def test_a_recipe_of_0_1_loads_with_a_warning_for_each_old_name():
    with pytest.warns(RenamedWarning) as warned:
        config = load_config(OLD_RUN)
    old = yaml.safe_load(OLD_RUN.read_text())
    assert config.phase1.optim.lr == old["phase1"]["optim"]["rate"]
    assert config.phase1.optim.classifier_lr == old["phase1"]["optim"]["classifier_rate"]
    assert config.phase2.optim.key_lr == old["phase2"]["optim"]["key_rate"]
    assert config.phase2.dual_sampler == old["phase2"]["dual_order"]
    assert config.phase2.batch_size == old["phase2"]["batch"]
    assert config.prompts.top_k == old["prompts"]["top"]
    assert config.classifier.mean_weight == old["classifier"]["mean_share"]
    assert len(warned) == len(RUN_SETTINGS)


def test_a_configuration_that_lpt_wrote_itself_loads_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load_config(OLD_RUN, warn=False).prompts.top_k == 2
