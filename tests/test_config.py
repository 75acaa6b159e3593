"""Recipes are read strictly, written back unchanged, and wrong settings are named."""

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from lpt.config import OptimConfig, RunConfig, load_config, parse_settings, recipe_names
from lpt.errors import ConfigError


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


def test_there_are_three_recipes_and_all_load():
    assert recipe_names() == ("default", "paper", "released")
    assert [load_config(name).recipe for name in recipe_names()] == list(recipe_names())


def test_the_default_recipe_is_the_defaults():
    assert load_config() == RunConfig()


@pytest.mark.parametrize("name", recipe_names())
def test_yaml_gives_the_same_configuration_back(name, tmp_path):
    written = tmp_path / "config.yaml"
    written.write_text(load_config(name).to_yaml(), encoding="utf-8")
    assert load_config(written) == load_config(name)


PHASES = ("phase1", "phase2")
TABLE = {
    "paper": {
        "optim.name": "sgd",
        "optim.momentum": 0.9,
        "optim.rate": 0.002,
        "optim.scale_with_batch": True,
        "optim.classifier_rate": None,
        "optim.key_rate": None,
        "optim.weight_decay": 1e-4,
        "optim.warmup_epochs": 5,
        "epochs": 40,
        "loss.name": "agcl",
        "loss.options": {"preset": "paper"},
        "eta": 0.5,
    },
    "released": {
        "optim.name": "sgd",
        "optim.momentum": 0.9,
        "optim.rate": 0.02,
        "optim.scale_with_batch": True,
        "optim.classifier_rate": None,
        "optim.key_rate": None,
        "optim.weight_decay": 0.01,
        "optim.warmup_epochs": 1,
        "epochs": 90,
        "loss.name": "agcl",
        "loss.options": {"preset": "released"},
        "eta": 0.5,
        "sampler": "dual",
        "dual_order": "class-cycle",
    },
}
WHOLE = {
    "paper": {"augment.flip": 0.0, "classifier.dropout": 0.0, "phase2.weight_key_term": False},
    "released": {
        "augment.flip": 0.5,
        "augment.mixup": 0.0,
        "augment.resize_rule": "squash",
        "augment.resize_ratio": 256 / 224,
        "classifier.dropout": 0.1,
        "classifier.init": "uniform",
        "phase2.weight_key_term": True,
        "phase2.instance_lambda_pos": 0.5,
        "phase2.instance_lambda_neg": 8.0,
        "prompts.length": 10,
        "prompts.pool_size": 20,
        "prompts.top": 2,
        "prompts.shared_blocks": None,
    },
}


def value_at(config: BaseModel, path: str) -> Any:
    value: Any = config
    for name in path.split("."):
        value = getattr(value, name)
    return value


@pytest.mark.parametrize("recipe", TABLE)
def test_recipes_state_the_numbers_of_paper_and_released_code(recipe):
    """Values: LPT (ICLR 2023), section 5.1 and appendix; the authors' released training script."""
    config = load_config(recipe)
    wanted = {f"{p}.{name}": v for p in PHASES for name, v in TABLE[recipe].items()}
    wanted |= WHOLE[recipe]
    assert {path: value_at(config, path) for path in wanted} == wanted


def test_the_paper_mixes_images_and_the_released_code_does_not():
    assert load_config("paper").augment.mixup > 0
    assert load_config("released").augment.mixup == 0


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


PRINTABLE = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), max_size=30)


@given(PRINTABLE, PRINTABLE)
def test_any_text_is_a_setting_or_an_error_of_two_lines(path, text):
    said = ""
    try:
        config = RunConfig().changed(parse_settings([f"{path}={text}"]))
        assert RunConfig.model_validate(yaml.safe_load(config.to_yaml())) == config
    except ConfigError as error:
        said = str(error)
    assert len(said.splitlines()) <= 2


@given(st.binary(max_size=200) | PRINTABLE.map(str.encode))
def test_any_file_is_a_recipe_or_an_error_of_two_lines(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(data)
    said = ""
    try:
        assert isinstance(load_config(path), RunConfig)
    except ConfigError as error:
        said = str(error)
    assert len(said.splitlines()) <= 2


def test_numbers_are_read_as_people_write_them():
    assert parse_settings(["a=1e-3", "b=3", "c=true", "d=null", "e=[0.1, 1]", "f=agcl"]) == {
        "a": 1e-3,
        "b": 3,
        "c": True,
        "d": None,
        "e": [0.1, 1],
        "f": "agcl",
    }


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("phase1.epoch=5", "setting phase1.epoch: unknown. Known here: epochs, batch"),
        ("phase3.epochs=5", "setting phase3.epochs: unknown. There is no section 'phase3'"),
        ("phase1.epochs=-1", "setting phase1.epochs=-1: .* greater than or equal to 0"),
        ("phase1.epochs=many", "setting phase1.epochs='many': .* integer"),
        ("phase1.optim.rate=0", "setting phase1.optim.rate=0: .* greater than 0"),
        ("phase1.optim.rate=nan", "setting phase1.optim.rate=nan: .* finite"),
        ("phase2.optim.name=adam", "setting phase2.optim.name='adam': .* 'sgd' or 'adamw'"),
        ("augment.crop_scale=[0.9, 0.1]", r"augment: crop_scale=\(0.9, 0.1\) must satisfy"),
        ("data.few_below=500", "data: few_below=500 must be at most many_above"),
        ("phase1.optim=3", "setting phase1.optim=3: "),
        ("phase1.epochs", "--set phase1.epochs: write it as key=value"),
        ("seed=2020-99-99", "--set seed=2020-99-99: the value is not YAML"),
        ("seed=[", r"--set seed=\[: the value is not YAML"),
    ],
)
def test_a_wrong_setting_is_named_with_value_and_remedy(setting, said):
    with pytest.raises(ConfigError, match=said) as caught:
        RunConfig().changed(parse_settings([setting]))
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- a\n- b", "a mapping of settings is expected, not list"),
        ("a: [", "not YAML"),
        ("epochs: 5", "epochs: unknown. Known here: recipe, backbone"),
        ("phase1: {epochs: x}", "phase1.epochs='x'"),
        ("seed: 2020-99-99", "not YAML"),
    ],
)
def test_a_wrong_file_is_named(text, said, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=f"mine.yaml.*{said}"):
        load_config(path)


def test_an_unknown_recipe_names_those_there_are(tmp_path):
    with pytest.raises(ConfigError, match=r"'papre'.*Recipes: default, paper, released"):
        load_config("papre")
    with pytest.raises(ConfigError, match="no such recipe or readable YAML file"):
        load_config(tmp_path)


def test_an_empty_recipe_is_the_default(tmp_path):
    path = tmp_path / "empty.yaml"
    path.write_text("")
    assert load_config(path) == RunConfig()


def test_automatic_batches_give_an_epoch_about_fifty_steps_between_8_and_64():
    batches = [RunConfig().resolved(n).phase1.batch for n in (10, 400, 1000, 3200, 100_000)]
    assert batches == [8, 8, 20, 64, 64]
    own = RunConfig().changed({"phase1.batch": 5}).resolved(1000)
    assert (own.phase1.batch, own.phase2.batch) == (5, 20)


def test_a_configuration_cannot_be_changed_in_place():
    with pytest.raises(ValueError, match="frozen"):
        OptimConfig().rate = 1.0  # type: ignore[misc]
