"""A cell is named by what decides its result, by nothing else, and phase 1 is shared."""

import random
import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpt.config import load_config
from lpt.errors import ConfigError
from lpt.progress import SilentReporter
from lpt.studies.define.definition import Row
from lpt.studies.define.lr_grid import LearningRate
from lpt.studies.define.overrides import Conditions
from lpt.studies.plan.plan_runs import Cell, Line, plan_cell
from lpt.studies.plan.run_store import content_hash
from lpt.studies.plan.study_data import Material

OWN = LearningRate(1.0)


@pytest.fixture
def plan(vit, material):
    def planned(row=None, *, lr=OWN, seed=0, part="final", backbone=None, **conditions):
        line = Line(row or Row(label="LPT"), backbone or str(vit), "LPT")
        return plan_cell(line, Conditions(**conditions), material, lr=lr, seed=seed, part=part)

    return planned


def with_settings(plan, **settings) -> Cell:
    return plan(settings={name.replace("__", "."): value for name, value in settings.items()})


@pytest.mark.parametrize(
    "setting",
    [
        {"phase1__epochs": 3},
        {"phase2__optim__lr": 0.5},
        {"prompts__top": 3},
        {"augment__flip": 0.25},
        {"classifier__dropout": 0.2},
        {"classifier__mean_share": 0.25},
        {"data__few_below": 10},
        {"precision": "float32"},
    ],
)
def test_one_setting_makes_another_cell(plan, setting):
    assert with_settings(plan, **setting).name != plan().name


def test_what_decides_no_number_makes_none(plan):
    assert with_settings(plan, checkpoint_seconds=1).name == plan().name


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("recipe", "--recipe"),
        ("backbone", "--backbone"),
        ("seed", "--seeds"),
        ("data.source", "--data"),
        ("data.val_fraction", "all images"),
        ("selection", "last epoch"),
    ],
)
def test_what_a_study_decides_itself_cannot_be_set(name, remedy):
    with pytest.raises(ConfigError, match=f"^--set {name}: not in a study.*{remedy}"):
        Conditions(settings={name: 1})


def test_cells_without_class_means_have_the_names_of_before_there_was_such_a_setting(plan):
    paper = plan(Row(label="LPT", recipe="paper"))
    baseline = Row(label="baseline", method="full")
    assert "mean_weight" not in str(paper.content)
    assert "mean_weight" not in str(plan(baseline).content)
    half = plan(baseline, settings={"baseline.mean_weight": 0.5})
    assert half.content["baseline"]["mean_weight"] == 0.5


def test_rivals_have_the_recipes_dropout_unless_given_their_own(plan):
    baseline = Row(label="baseline", method="full")
    names = {
        plan(baseline, settings=settings).name
        for settings in ({}, {"classifier.dropout": 0.2}, {"baseline.dropout": 0.2})
    }
    assert len(names) == 3
    assert plan(baseline).baseline.dropout is None
    assert plan(baseline, settings={"baseline.dropout": 0.2}).baseline.dropout == 0.2


def test_the_recipe_is_that_of_rows_that_name_none(plan):
    paper = Row(label="LPT", recipe="paper")
    assert plan(recipe="paper").name == plan(paper).name != plan().name
    assert plan(paper, recipe="released").name == plan(paper).name


def test_a_rivals_batch_follows_the_number_of_images_as_that_of_the_phases_does(plan, material):
    images = len(material.trained("final").split("train"))
    cell = plan(Row(label="probe", method="linear-probe"))
    assert cell.baseline.batch == cell.config.resolved(images).phase1.batch


def test_fewer_epochs_are_told_from_the_methods_own_however_they_are_set(plan):
    settings = {"phase1.epochs": 1, "phase2.epochs": 2}
    assert plan(settings=settings).standard == plan(epochs=1).standard == (20, 20)
    cell = plan(Row(label="probe", method="linear-probe"), settings={"baseline.epochs": 1})
    assert (cell.epochs, cell.standard) == ((1,), (20,))


def test_a_second_stage_is_counted(plan):
    cell = plan(Row(label="cRT", method="crt"), epochs=12)
    assert cell.epochs == (12, 10)
    assert plan(Row(label="x", method="lpt-norm"), epochs=2).epochs == (2, 2)


def test_options_of_a_rival_are_set_by_name(plan):
    row = Row(label="tau", method="tau-norm")
    cell = plan(row, settings={"baseline.options.tau": 0.5, "baseline.loss": "focal"})
    assert (cell.baseline.options["tau"], cell.baseline.loss) == (0.5, "focal")


def test_seed_rate_part_recipe_method_and_ensemble_make_another(plan):
    probe = Row(label="probe", method="linear-probe")
    names = [
        cell.name
        for cell in (
            plan(),
            plan(seed=1),
            plan(lr=LearningRate(3.0)),
            plan(part="selection"),
            plan(Row(label="LPT", recipe="paper")),
            plan(probe),
            plan(probe, init="uniform"),
            plan(probe, epochs=3),
            plan(ensemble=True),
            plan(probe, ensemble=True),
        )
    ]
    assert len(set(names)) == len(names)


def test_labels_make_no_other_cell(plan):
    assert plan(Row(label="both phases")).name == plan(Row(label="M = 20")).name


@given(st.dictionaries(st.text(), st.integers() | st.text() | st.lists(st.booleans()), min_size=2))
def test_the_order_of_settings_does_not_count(content):
    names = list(content)
    random.Random(0).shuffle(names)
    assert content_hash({name: content[name] for name in names}) == content_hash(content)


def test_a_rival_does_not_depend_on_the_phases(plan):
    probe = Row(label="probe", method="linear-probe")
    changed = plan(probe, settings={"phase1.batch_size": 8, "prompts.length": 3})
    assert changed.name == plan(probe).name
    assert plan(probe, settings={"baseline.batch": 9}).name != plan(probe).name


def test_settings_of_phase_2_share_one_phase_1(plan):
    starts = {
        plan(Row(label="x", set=changes)).start.name
        for changes in (
            {},
            {"prompts.pool_size": 5},
            {"prompts.top_k": 1},
            {"phase2.loss.name": "gcl"},
            {"phase2.sampler": "balanced"},
            {"prompts.shared_blocks": 1},
        )
    }
    assert starts == {plan(Row(label="alone", set={"phase2.epochs": 0})).name}
    assert plan(Row(label="x", set={"phase1.batch_size": 8})).start.name not in starts


def test_defaults_of_a_phase_that_is_not_trained_make_no_other_cell(plan):
    deciding = plan(Row(label="x")).start.content["config"]
    assert (deciding["phase2"], set(deciding["prompts"])) == ({"epochs": 0}, {"length"})
    assert plan(Row(label="x")).content["config"]["phase2"]["loss"]


def test_rates_of_both_phases_are_multiplied_alike(plan):
    own = load_config("default")
    cell = plan(lr=LearningRate(3.0))
    for phase in ("phase1", "phase2"):
        ours, theirs = getattr(cell.config, phase).optim, getattr(own, phase).optim
        assert ours.lr == pytest.approx(3 * theirs.lr)
        assert ours.classifier_lr == pytest.approx(3 * theirs.classifier_lr)
    assert cell.config.phase2.optim.key_lr == pytest.approx(3 * own.phase2.optim.key_lr)
    assert cell.config.phase1.optim.key_lr is None
    absolute = plan(lr=LearningRate(2 * own.phase1.optim.lr, relative=False))
    assert absolute.config.phase2.optim.lr == pytest.approx(2 * own.phase2.optim.lr)


def test_a_rival_takes_epochs_start_and_ensemble_from_the_study(plan):
    cell = plan(Row(label="probe", method="linear-probe"), epochs=7, init="uniform", ensemble=True)
    assert (cell.baseline.epochs, cell.baseline.init, cell.ensemble) == (7, "uniform", True)
    assert cell.epochs == (7,)
    assert plan(epochs=7, init="uniform").config.classifier.init == "uniform"


def test_no_rival_has_crops_of_its_own_where_all_are_scored_on_crops(plan):
    lift = Row(label="LIFT", method="lift")
    assert plan(lift).baseline.ensemble
    assert not plan(lift, ensemble=True).baseline.ensemble


def test_a_rival_like_phase_1_takes_loss_order_and_class_means_from_the_recipe(plan):
    row = Row(label="x", method="norm", like_phase1=True)
    for recipe in ("default", "released"):
        phase1, baseline = load_config(recipe).phase1, plan(row, recipe=recipe).baseline
        assert baseline.mean_weight == load_config(recipe).classifier.mean_weight
        assert (baseline.sampler, baseline.loss) == (phase1.sampler, phase1.loss.name)
        assert baseline.loss_options == phase1.loss.options


def test_rates_are_chosen_by_single_views(plan):
    assert not plan(ensemble=True, part="selection").ensemble
    assert plan(ensemble=True, part="selection").name == plan(part="selection").name


def test_a_rival_with_phases_has_the_rates_of_both_multiplied(plan):
    row = Row(label="x", method="lpt-norm")
    cell, own = plan(row, lr=LearningRate(3.0), epochs=2), plan(row)
    assert cell.baseline.lr == pytest.approx(3 * own.baseline.lr)
    assert cell.config.phase2.optim.lr == pytest.approx(3 * own.config.phase2.optim.lr)
    assert cell.epochs == (2, 2)
    assert plan(row, settings={"phase2.eta": 0.1}).name != own.name


def test_standard_epochs_are_the_methods_own(plan):
    own = load_config("default")
    cell = plan(epochs=1)
    assert cell.epochs == (1, 1)
    assert cell.standard == (own.phase1.epochs, own.phase2.epochs)
    paper = plan(Row(label="LPT", recipe="paper", set={"phase2.epochs": 0}), epochs=1)
    assert (paper.epochs, paper.standard) == ((1,), (40,))
    joint = plan(Row(label="joint", method="joint", epochs=2), epochs=3)
    assert (joint.epochs, joint.standard) == ((6,), (2 * own.phase2.epochs,))


def test_blocks_are_scaled_to_the_depth_of_the_backbone(plan):
    """Of 3 blocks: 4, 6 and 8 of 12 are 1, 2 and 2."""
    split = [plan(Row(label="K", shared_blocks=k)).config.prompts.shared_blocks for k in (4, 6, 8)]
    assert split == [1, 2, 2]


def test_what_cannot_be_trained_is_refused_before_anything_is(plan):
    with pytest.raises(ConfigError, match=r"phase1\.epoch"):
        with_settings(plan, phase1__epoch=1)
    with pytest.raises(ConfigError, match="rank"):
        plan(Row(label="x", method="linear-probe"), settings={"baseline.options": {"rank": 3}})
    with pytest.raises(ConfigError, match="unknown"):
        plan(Row(label="x", method="magic"))


def test_a_field_of_rivals_is_set_whole_or_by_name(plan):
    settings = {"baseline.options": 5, "baseline.options.tau": 0.5}
    with pytest.raises(ConfigError, match=r"^--set rival\.options\.tau: rival\.options=5 is given"):
        plan(Row(label="tau", method="tau-norm"), settings=settings)


def test_a_second_data_set_is_known_by_its_images(photos, vit, tmp_path):
    config = load_config("default").changed({"data.source": str(photos)})
    line = Line(Row(label="both", method="multitask"), str(vit), "both")

    def name_with(other):
        material = Material(config, SilentReporter(), device="cpu", other=str(other))
        conditions = Conditions(other=str(other))
        return plan_cell(line, conditions, material, lr=OWN, seed=0, part="final").name

    moved = shutil.copytree(photos, tmp_path / "moved" / photos.name)
    before = name_with(moved)
    assert before == name_with(photos)
    next(moved.glob("*/*.png")).unlink()
    assert name_with(moved) != before
