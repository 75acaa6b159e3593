"""Settings change what they name and nothing else; wrong ones are named."""

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from lpt.config import OptimConfig, RunConfig, parse_settings
from lpt.errors import ConfigError

from .settings import PRINTABLE, value_at


def leaves(config: BaseModel, prefix: str = "") -> dict[str, Any]:
    """Every dotted setting with its value."""
    found: dict[str, Any] = {}
    for name, value in config:
        if isinstance(value, BaseModel):
            found |= leaves(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = value
    return found


LEAVES = leaves(RunConfig())


@given(st.sampled_from(sorted(LEAVES)))
def test_every_setting_can_be_set_to_its_default(path):
    default = LEAVES[path]
    value = list(default) if isinstance(default, tuple) else default
    assert RunConfig().changed({path: value}) == RunConfig()


@given(
    st.sampled_from([path for path, value in LEAVES.items() if type(value) is int]),
    st.integers(1, 10_000),
)
def test_whole_numbers_arrive_where_they_were_sent_and_nowhere_else(path, value):
    if path == "data.few_below":
        value = min(value, 101)
    if path == "data.many_above":
        value = max(value, 20)
    changed = RunConfig().changed(parse_settings([f"{path}={value}"]))
    before, after = RunConfig().model_dump(), changed.model_dump()
    assert value_at(changed, path) == value
    for node in (before, after):
        *parents, last = path.split(".")
        for name in parents:
            node = node[name]
        node.pop(last)
    assert before == after


@given(PRINTABLE, PRINTABLE)
def test_any_text_is_a_setting_or_an_error_of_two_lines(path, text):
    said = ""
    try:
        config = RunConfig().changed(parse_settings([f"{path}={text}"]))
        assert RunConfig.model_validate(yaml.safe_load(config.to_yaml())) == config
    except ConfigError as error:
        said = str(error)
    assert len(said.splitlines()) <= 2


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("phase1.epoch=5", "phase1.epoch: unknown. Did you mean phase1.epochs or phase2.epochs?"),
        ("phase2.lr=0.1", "unknown. Did you mean phase2.optim.lr or phase1.optim.lr?"),
        ("colour=5", "setting colour: unknown. Known here: recipe, backbone"),
        ("phase1.epochs=abc", "phase1.epochs='abc': must be a whole number, such as 5"),
        ("phase1.epochs=-1", "phase1.epochs=-1: must be at least 0"),
        ("phase1.optim.lr=0", "phase1.optim.lr=0: must be more than 0"),
        ("data.val_fraction=1", "data.val_fraction=1: must be less than 1"),
        ("augment.flip=2", "augment.flip=2: must be at most 1"),
        ("precision=half", "precision='half': must be one of 'auto', 'float32' or 'bf16'"),
        ("phase3.epochs=5", "setting phase3.epochs: unknown; there is no section 'phase3'"),
        ("phase1.optim.lr=nan", "setting phase1.optim.lr=nan: .* finite"),
        ("phase2.optim.name=adam", "setting phase2.optim.name='adam': .* 'sgd' or 'adamw'"),
        ("augment.crop_scale=[0.9, 0.1]", r"augment: crop_scale=\(0.9, 0.1\) must satisfy"),
        ("data.few_below=500", "data: few_below=500 must be at most many_above"),
        ("phase1.optim=3", "setting phase1.optim=3: "),
        ("image_size=true", "setting image_size=True: must be a whole number, such as 5"),
        ("seed=true", "setting seed=True: must be a whole number"),
        ("phase1.optim.lr=true", "setting phase1.optim.lr=True: must be a number, such as 0.5"),
        ("augment.crop_scale=[0.5, true]", r"setting augment.crop_scale=\[0.5, True\]: must be"),
        ("phase1.short_epochs=[[0, true]]", "setting phase1.short_epochs=.*: must be a whole"),
        ("phase1.short_epochs=[[0, 1], [0, 2]]", "short_epochs: epoch 0 is given twice"),
        ("phase1.loss.options={tau: .nan}", r"phase1.loss.options.tau=nan: must be a finite"),
        ("seed=" + "9" * 5000, "the value is not YAML .a whole number of thousands of digits"),
        ("phase1.epochs", "--set phase1.epochs: write it as key=value"),
        ("seed=2020-99-99", "--set seed=2020-99-99: the value is not YAML"),
        ("seed=[", r"--set seed=\[: the value is not YAML"),
    ],
)
def test_a_wrong_setting_is_named_with_value_and_remedy(setting, said):
    with pytest.raises(ConfigError, match=said) as caught:
        RunConfig().changed(parse_settings([setting]))
    assert len(str(caught.value)) < 300


def test_automatic_batches_give_an_epoch_about_fifty_steps_between_8_and_64():
    batches = [RunConfig().resolved(n).phase1.batch_size for n in (10, 400, 1000, 3200, 100_000)]
    assert batches == [8, 8, 20, 64, 64]
    own = RunConfig().changed({"phase1.batch_size": 5}).resolved(1000)
    assert (own.phase1.batch_size, own.phase2.batch_size) == (5, 20)


def test_a_configuration_cannot_be_changed_in_place():
    with pytest.raises(ValueError, match="frozen"):
        OptimConfig().lr = 1.0  # type: ignore[misc]


def test_another_loss_begins_without_the_options_of_the_one_before():
    config = RunConfig().changed({"phase2.loss.options": {"margin": 0.2}})
    changed = config.changed({"phase2.loss.name": "focal"})
    assert (changed.phase2.loss.name, changed.phase2.loss.options) == ("focal", {})
    assert changed.phase1 == config.phase1
    same = config.changed({"phase2.loss.name": config.phase2.loss.name, "phase2.epochs": 3})
    assert same.phase2.loss == config.phase2.loss
    given = {"phase2.loss.name": "focal", "phase2.loss.options": {"gamma": 1.0}}
    assert config.changed(given).phase2.loss.options == {"gamma": 1.0}


def test_a_value_for_a_whole_section_is_refused_with_the_form_that_is_meant():
    with pytest.raises(ConfigError, match=r"phase1\.loss='names': a section of settings; set"):
        RunConfig().changed({"phase1.loss": "names"})


def test_truth_values_stay_where_they_are_meant():
    changed = RunConfig().changed({"phase1.optim.scale_lr": True, "compile": True})
    assert changed.phase1.optim.scale_lr is True
    assert changed.compile == "on"


def test_cached_views_cannot_grow():
    growing = RunConfig().changed({"augment.crop_growth": "linear"})
    with pytest.raises(
        ConfigError, match=r"crop_growth=linear cannot be combined with phase2\.cach"
    ):
        growing.changed({"phase2.cached_views": 3})
