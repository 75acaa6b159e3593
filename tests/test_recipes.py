"""Every recipe of the paper's tables loads, states its expected result, and builds its stages."""

import re
import shlex
from pathlib import Path

import pytest
import timm
import torch
import typer

from lpt.backbones import list_backbones, warn_if_leaky
from lpt.backbones.catalog import canonical_name
from lpt.cli import app
from lpt.config import RunConfig, load_config
from lpt.data.sources.data_string import parse_spec
from lpt.data.sources.known.known_datasets import DATASETS
from lpt.studies.define.definition import load_study
from lpt.training.phases.build_stages import PHASES, build_model, build_stage

from .tiny import write_backbone

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "recipes"
RECIPES = sorted(FOLDER.rglob("*.yaml"))
HEADER = ("command", "expected", "seeds", "hardware", "caveat")

recipes = pytest.mark.parametrize("path", RECIPES, ids=lambda p: str(p.relative_to(FOLDER)))


def header(path: Path) -> dict[str, str]:
    lines = re.findall(r"^# (\w+) +(.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return dict(lines)


def arguments(command: str) -> tuple[str, dict[str, list[str]]]:
    """The first argument of a command, and the values of its options, which must exist."""
    _, name, *rest = shlex.split(command)
    known = typer.main.get_command(app).commands[name]
    options = {option for parameter in known.params for option in parameter.opts}
    given: dict[str, list[str]] = {}
    free = []
    while rest:
        word = rest.pop(0)
        if word.startswith("--"):
            assert word in options, word
            given.setdefault(word, []).append(rest.pop(0))
        else:
            free.append(word)
    (first,) = free
    return first, given


@pytest.fixture(scope="module")
def model_of(tmp_path_factory):
    """Build a model of a recipe on a ViT of twelve narrow blocks."""
    from lpt.backbones import load_backbone

    path = write_backbone(tmp_path_factory.mktemp("vit") / "vit.safetensors", depth=12)
    backbone = load_backbone(str(path))
    return lambda config: build_model(config, backbone, 4)


def test_every_data_set_and_size_has_a_recipe():
    names = {str(path.relative_to(FOLDER).with_suffix("")) for path in RECIPES}
    wanted = {f"cifar100-lt/imbalance-{i}" for i in (10, 50, 100, 200)}
    wanted |= {f"places-lt/vit-{size}" for size in "tsb"}
    wanted |= {f"places-lt/{name}" for name in ("mugs", "deit", "dino")}
    assert wanted | {"imagenet-lt/vit-b", "inaturalist2018/vit-b"} <= names


@recipes
def test_the_head_comment_has_command_and_expected_result(path):
    found = header(path)
    assert tuple(found) == HEADER
    data, given = arguments(found["command"])
    assert given == {"--recipe": [str(path.relative_to(ROOT))]}
    spec = parse_spec(data)
    assert spec.source in DATASETS
    spec.allow(*DATASETS[spec.source].options)


@recipes
def test_the_backbone_is_known(path):
    name = load_config(path).backbone
    architecture, _, file = name.partition("@")
    known = {entry.name.partition("@")[0] for entry in list_backbones()}
    assert canonical_name(architecture) in known
    assert timm.is_model(architecture)
    assert not file or file.endswith(".safetensors")


@recipes
def test_stages_are_built_from_it(path, model_of):
    config = load_config(path)
    assert load_config(path).to_yaml() == RunConfig.model_validate(config.model_dump()).to_yaml()
    counts = torch.tensor([100, 30, 10, 3])
    for phase in PHASES[: 2 if config.phase2.epochs else 1]:
        stage = build_stage(phase.name, config, model_of(config), counts)
        assert stage.param_groups()
        assert (config.phase2.eta, len(stage.branches)) in ((0.5, 2), (0.5, 1))


@recipes
def test_recipes_start_from_the_released_settings(path):
    config, released = load_config(path), load_config("released")
    assert config.phase2.optim == released.phase2.optim
    assert config.augment == released.augment
    assert config.phase1.epochs in (40, 80)
    assert config.selection == "last"
    assert config.data.val_fraction == 0


@recipes
def test_leaky_backbones_have_a_caveat(path):
    """Weights trained with ImageNet-1k's labels are not used with ImageNet-LT."""
    if warn_if_leaky(load_config(path).backbone):
        assert path.parent.name != "imagenet-lt"
        assert "ImageNet-1k's labels" in header(path)["caveat"]


def test_pages_warn_about_the_untagged_backbone():
    assert "augreg_in21k" in str(warn_if_leaky("vit_base_patch16_224"))
    for page in (FOLDER / "README.md", ROOT / "docs" / "studies.md"):
        text = page.read_text(encoding="utf-8")
        assert re.search(r"`vit_base_patch16_224`", text), page


def test_commands_of_studies_name_existing_rows():
    text = (FOLDER / "README.md").read_text(encoding="utf-8").replace("\\\n", " ")
    commands = re.findall(r"^lpt study .+$", text, re.MULTILINE)
    assert len(commands) == 10
    for command in commands:
        name, given = arguments(command)
        recipe = ROOT / given["--recipe"][0]
        labels = {row.label for row in load_study(name, str(recipe)).rows}
        assert set(given.get("--only", [])) <= labels
        assert parse_spec(given["--data"][0]).source in DATASETS
        config = load_config(recipe)
        assert warn_if_leaky(config.backbone) is None
        assert (config.phase1.epochs, config.layer_norm_eps) == (40, 1e-5)
