"""Recipes are read strictly, written back unchanged, and wrong files are named."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpt.config import RunConfig, load_config, parse_settings, recipe_names
from lpt.errors import ConfigError

from .settings import PRINTABLE, value_at


def test_there_are_four_recipes_and_all_load():
    assert recipe_names() == ("adapters", "default", "paper", "released")
    assert [load_config(name).recipe for name in recipe_names()] == list(recipe_names())


def test_the_default_recipe_is_the_defaults():
    assert load_config() == RunConfig()


def test_the_recipe_adapters_is_the_default_with_adapters():
    added = {"adapters.width": 16, "phase1.optim.adapter_lr": 0.001}
    assert load_config("adapters") == RunConfig().changed({"recipe": "adapters", **added})


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
        "optim.lr": 0.002,
        "optim.scale_lr": True,
        "optim.classifier_lr": None,
        "optim.key_lr": None,
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
        "optim.lr": 0.02,
        "optim.scale_lr": True,
        "optim.classifier_lr": None,
        "optim.key_lr": None,
        "optim.weight_decay": 0.01,
        "optim.warmup_epochs": 1,
        "epochs": 90,
        "loss.name": "agcl",
        "loss.options": {"preset": "released"},
        "eta": 0.5,
        "sampler": "dual",
        "dual_sampler": "class-cycle",
    },
}
WHOLE = {
    "paper": {
        "adapters.width": 0,
        "augment.flip": 0.0,
        "classifier.dropout": 0.0,
        "phase2.weight_key_term": False,
    },
    "released": {
        "adapters.width": 0,
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
        "prompts.top_k": 2,
        "prompts.shared_blocks": None,
    },
}


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
    ("text", "said"),
    [
        ("- a\n- b", "a mapping of settings is expected, not list"),
        ("a: [", "not YAML"),
        ("epochs: 5", "epochs: unknown. Did you mean phase1.epochs or phase2.epochs?"),
        ("phase1: {epochs: x}", "phase1.epochs='x'"),
        ("seed: 2020-99-99", "not YAML"),
    ],
)
def test_a_wrong_file_is_named(text, said, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=f"mine.yaml.*{said}"):
        load_config(path)


@pytest.mark.parametrize(
    "text",
    [
        "root:$6$secret$hash:19000:0:99999:7:::\nuser:secret:1::::::",
        "root:*:19000:0:99999:7:::",
        "secret",
        "- secret",
        "{secret: [",
        "aws_secret_access_key: secret",
        "token: &secret x\nother: *secret2",
        "!secret x",
        "secret: 1\nsecret: 2",
        "[default]\nkey = secret",
    ],
)
def test_nothing_of_a_file_that_is_no_recipe_is_repeated(text, tmp_path):
    path = tmp_path / "shadow"
    path.write_text(text)
    with pytest.raises(ConfigError, match="shadow") as caught:
        load_config(path)
    assert "secret" not in str(caught.value)
    assert "root" not in str(caught.value).replace(str(path), "")


def test_an_unknown_recipe_names_those_there_are(tmp_path):
    with pytest.raises(ConfigError, match=r"'papre'.*Recipes: adapters, default, paper, released"):
        load_config("papre")
    with pytest.raises(ConfigError, match="no such recipe or readable YAML file"):
        load_config(tmp_path)


def test_an_empty_recipe_is_the_default(tmp_path):
    path = tmp_path / "empty.yaml"
    path.write_text("")
    assert load_config(path) == RunConfig()


def test_a_recipe_starts_from_the_packaged_one_it_names(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("recipe: paper\nphase1: { epochs: 3 }\n")
    mine, paper = load_config(path), load_config("paper")
    assert mine == paper.changed({"phase1.epochs": 3})
    path.write_text("recipe: my own\nphase1: { epochs: 3 }\n")
    assert load_config(path).phase2 == load_config("default").phase2


def test_a_recipe_starts_from_the_file_it_names(tmp_path):
    (tmp_path / "bases").mkdir()
    base = tmp_path / "bases" / "base.yaml"
    base.write_text("recipe: released\nphase1: { epochs: 40 }\nprompts: { length: 5 }\n")
    mine = tmp_path / "mine.yaml"
    mine.write_text("recipe: ./bases/base.yaml\nprompts: { pool_size: 40 }\n")
    changes = {"phase1.epochs": 40, "prompts.length": 5, "prompts.pool_size": 40}
    assert load_config(mine) == load_config("released").changed(changes)
    written = tmp_path / "elsewhere.yaml"
    written.write_text(load_config(mine).to_yaml())
    assert load_config(written) == load_config(mine)


def test_recipes_that_start_from_each_other_are_refused(tmp_path):
    (tmp_path / "a.yaml").write_text("recipe: b.yaml\n")
    (tmp_path / "b.yaml").write_text("recipe: ./a.yaml\n")
    with pytest.raises(ConfigError, match=r"b\.yaml: recipe \./a\.yaml leads back to a\.yaml"):
        load_config(tmp_path / "a.yaml")


def test_a_missing_base_is_named(tmp_path):
    (tmp_path / "a.yaml").write_text("recipe: gone.yaml\n")
    with pytest.raises(ConfigError, match=r"gone\.yaml': no such recipe or readable YAML file"):
        load_config(tmp_path / "a.yaml")
