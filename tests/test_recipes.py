"""Every recipe of the paper's tables is read, states what to expect, and builds its stages."""

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


def arguments(command: str) -> tuple[str, dict[str, str]]:
    """A command's first argument and its options; each of them has to be known."""
    _, name, *rest = shlex.split(command)
    known = typer.main.get_command(app).commands[name]
    options = {option for parameter in known.params for option in parameter.opts}
    given: dict[str, str] = {}
    free = []
    while rest:
        word = rest.pop(0)
        if word.startswith("--"):
            assert word in options, word
            given[word] = rest.pop(0)
        else:
            free.append(word)
    (first,) = free
    return first, given


@pytest.fixture(scope="module")
def model_of(tmp_path_factory):
    """Makes a model of a recipe on a ViT of twelve narrow blocks."""
    from lpt.backbones import load_backbone

    path = write_backbone(tmp_path_factory.mktemp("vit") / "vit.safetensors", depth=12)
    backbone = load_backbone(str(path))
    return lambda config: build_model(config, backbone, 4)


def test_there_is_a_recipe_for_every_data_set_and_size():
    names = {str(path.relative_to(FOLDER).with_suffix("")) for path in RECIPES}
    wanted = {f"cifar100-lt/imbalance-{i}" for i in (10, 50, 100, 200)}
    wanted |= {f"places-lt/vit-{size}" for size in "tsb"}
    wanted |= {f"places-lt/{name}" for name in ("mugs", "deit", "dino")}
    assert wanted | {"imagenet-lt/vit-b", "inaturalist2018/vit-b"} <= names


@recipes
def test_the_header_says_how_and_what_to_expect(path):
    told = header(path)
    assert tuple(told) == HEADER
    data, given = arguments(told["command"])
    assert given == {"--recipe": str(path.relative_to(ROOT))}
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
def test_the_released_settings_stand_where_nothing_else_is_said(path):
    config, released = load_config(path), load_config("released")
    assert config.phase2.optim == released.phase2.optim
    assert config.augment == released.augment
    assert config.phase1.epochs in (40, 80)
    assert config.selection == "last"
    assert config.data.val_fraction == 0


@recipes
def test_no_recipe_leaks_test_classes_unsaid(path):
    """Weights that saw ImageNet-1k's labels never meet ImageNet-LT, and say so elsewhere."""
    if warn_if_leaky(load_config(path).backbone):
        assert path.parent.name != "imagenet-lt"
        assert "ImageNet-1k's labels" in header(path)["caveat"]


def test_the_untagged_backbone_is_warned_of():
    assert "augreg_in21k" in str(warn_if_leaky("vit_base_patch16_224"))
    for page in (FOLDER / "README.md", ROOT / "docs" / "studies.md"):
        text = page.read_text(encoding="utf-8")
        assert re.search(r"`vit_base_patch16_224`", text), page


def test_commands_of_studies_name_rows_that_there_are():
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    commands = re.findall(r"`(lpt study [^`]+)`", text)
    assert len(commands) > 8
    for command in commands:
        name, given = arguments(command)
        recipe = ROOT / given["--recipe"]
        labels = {row.label for row in load_study(name, str(recipe)).rows}
        assert given.get("--only", next(iter(labels))) in labels
        assert parse_spec(given["--data"]).source in DATASETS
        config = load_config(recipe)
        assert warn_if_leaky(config.backbone) is None
        assert (config.phase1.epochs, config.layer_norm_eps) == (40, 1e-5)


def test_a_recipe_starts_from_the_one_it_names(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("recipe: paper\nphase1: { epochs: 3 }\n")
    mine, paper = load_config(path), load_config("paper")
    assert mine == paper.changed({"phase1.epochs": 3})
    path.write_text("recipe: my own\nphase1: { epochs: 3 }\n")
    assert load_config(path).phase2 == load_config("default").phase2
