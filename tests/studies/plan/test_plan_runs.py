"""Runs have the right settings, and runs of the same facts are the same run."""

import shutil

import pytest

from lpt.config import load_config
from lpt.errors import ConfigError
from lpt.progress import SilentReporter
from lpt.studies.define.definition import Row
from lpt.studies.define.lr_grid import LearningRate
from lpt.studies.define.overrides import Overrides
from lpt.studies.plan.plan_runs import Line, StudyRun, plan_run
from lpt.studies.plan.study_data import StudyData

DEFAULT_LR = LearningRate(1.0)
PROBE = Row(label="probe", method="linear-probe")


@pytest.fixture
def plan(vit, study_data):
    def planned(row=None, *, lr=DEFAULT_LR, seed=0, part="final", **overrides):
        line = Line(row or Row(label="LPT"), str(vit), "LPT")
        return plan_run(line, Overrides(**overrides), study_data, lr=lr, seed=seed, part=part)

    return planned


def with_settings(plan, **settings) -> StudyRun:
    return plan(settings={name.replace("__", "."): value for name, value in settings.items()})


@pytest.mark.parametrize(
    "setting",
    [
        {"phase1__epochs": 3},
        {"phase2__optim__lr": 0.5},
        {"prompts__top_k": 3},
        {"augment__flip": 0.25},
        {"classifier__dropout": 0.2},
        {"classifier__mean_weight": 0.25},
        {"data__few_below": 10},
    ],
)
def test_another_setting_gives_another_run(plan, setting):
    assert with_settings(plan, **setting).name != plan().name


def test_settings_without_effect_give_the_same_run(plan):
    assert with_settings(plan, checkpoint_seconds=1).name == plan().name


@pytest.mark.parametrize("fast", [False, True])
def test_automatic_precision_is_the_precision_that_is_used(plan, monkeypatch, fast):
    monkeypatch.setattr("lpt.training.run.device_setup.fast_bf16", lambda device: fast)
    used, other = ("bf16", "float32") if fast else ("float32", "bf16")
    automatic = plan()
    assert automatic.facts["precision"] == used
    assert with_settings(plan, precision=used).name == automatic.name
    if fast:
        assert with_settings(plan, precision=other).name != automatic.name


def test_recipes_with_default_settings_give_short_facts(plan):
    assert set(plan().facts["settings"]) == {  # defaults that were others when they became facts
        "feature", "classifier passes", "phase 1 learning rate",
        "phase 1 learning rate of the classifier",
    }  # fmt: skip
    assert set(plan(PROBE).facts["baseline"]) <= {
        "batch size", "cached views", "learning rate", "options", "sampler", "loss",
    }  # fmt: skip


def test_baselines_have_the_recipes_dropout_unless_given_their_own(plan):
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


def test_the_batch_size_of_a_baseline_is_that_of_the_phases(plan, study_data):
    images = len(study_data.trained("final").split("train"))
    run = plan(PROBE)
    assert run.baseline.batch_size == run.config.resolved(images).phase1.batch_size


def test_fewer_epochs_than_the_default_are_noticed_however_they_are_set(plan):
    settings = {"phase1.epochs": 1, "phase2.epochs": 2}
    assert plan(settings=settings).standard == plan(epochs=1).standard == (20, 20)
    run = plan(PROBE, settings={"baseline.epochs": 1})
    assert (run.epochs, run.standard) == ((1,), (20,))


def test_a_second_stage_is_counted(plan):
    run = plan(Row(label="cRT", method="crt"), epochs=12)
    assert run.epochs == (12, 10)
    assert plan(Row(label="x", method="lpt-norm"), epochs=2).epochs == (2, 2)


def test_options_of_a_baseline_are_set_by_name(plan):
    row = Row(label="tau", method="tau-norm")
    run = plan(row, settings={"baseline.options.tau": 0.5, "baseline.loss": "focal"})
    assert (run.baseline.options["tau"], run.baseline.loss) == (0.5, "focal")


def test_seed_learning_rate_part_recipe_method_and_tta_give_other_runs(plan):
    names = [
        run.name
        for run in (
            plan(),
            plan(seed=1),
            plan(lr=LearningRate(3.0)),
            plan(part="selection"),
            plan(Row(label="LPT", recipe="paper")),
            plan(PROBE),
            plan(PROBE, init="uniform"),
            plan(PROBE, epochs=3),
            plan(tta=True),
            plan(PROBE, tta=True),
        )
    ]
    assert len(set(names)) == len(names)


def test_labels_do_not_matter(plan):
    assert plan(Row(label="both phases")).name == plan(Row(label="M = 20")).name


def test_a_baseline_does_not_depend_on_the_phases(plan):
    changed = plan(PROBE, settings={"phase1.batch_size": 8, "prompts.length": 3})
    assert changed.name == plan(PROBE).name
    assert plan(PROBE, settings={"baseline.batch_size": 9}).name != plan(PROBE).name


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
    assert starts == {plan(Row(label="only", set={"phase2.epochs": 0})).name}
    assert plan(Row(label="x", set={"phase1.batch_size": 8})).start.name not in starts


def test_a_method_sees_only_what_it_reads(plan):
    changes = {"phase2.eta": 0.1, "prompts.pool_size": 5, "prompts.length": 3}
    start = plan(settings=changes).start
    default = load_config("default")
    assert start.config.phase2 == default.phase2.model_copy(update={"epochs": 0})
    assert start.config.prompts == default.prompts.model_copy(update={"length": 3})
    assert plan(PROBE, settings=changes).config.prompts == default.prompts


def test_learning_rates_of_both_phases_are_scaled(plan):
    own = load_config("default")
    run = plan(lr=LearningRate(3.0), settings={"phase1.optim.adapter_lr": 0.003})
    assert run.config.phase1.optim.adapter_lr == pytest.approx(0.009)
    for phase in ("phase1", "phase2"):
        ours, theirs = getattr(run.config, phase).optim, getattr(own, phase).optim
        assert ours.lr == pytest.approx(3 * theirs.lr)
        assert ours.classifier_lr == pytest.approx(3 * theirs.classifier_lr)
    assert run.config.phase2.optim.key_lr == pytest.approx(3 * own.phase2.optim.key_lr)
    assert run.config.phase1.optim.key_lr is None
    absolute = plan(lr=LearningRate(2 * own.phase1.optim.lr, relative=False))
    assert absolute.config.phase2.optim.lr == pytest.approx(2 * own.phase2.optim.lr)


def test_a_baseline_takes_epochs_initialization_and_tta_from_the_study(plan):
    run = plan(PROBE, epochs=7, init="uniform", tta=True)
    assert (run.baseline.epochs, run.baseline.init, run.tta) == (7, "uniform", True)
    assert run.epochs == (7,)
    assert plan(epochs=7, init="uniform").config.classifier.init == "uniform"


def test_baselines_do_not_use_tta_where_all_rows_are_scored_with_it(plan):
    lift = Row(label="LIFT", method="lift")
    assert plan(lift).baseline.tta
    assert not plan(lift, tta=True).baseline.tta


def test_a_baseline_like_phase_1_takes_loss_sampler_and_class_means_from_the_recipe(plan):
    row = Row(label="x", method="norm", like_phase1=True)
    for recipe in ("default", "released"):
        phase1, baseline = load_config(recipe).phase1, plan(row, recipe=recipe).baseline
        assert baseline.mean_weight == load_config(recipe).classifier.mean_weight
        assert (baseline.sampler, baseline.loss) == (phase1.sampler, phase1.loss.name)
        assert baseline.loss_options == phase1.loss.options


def test_learning_rates_are_selected_without_tta(plan):
    assert not plan(tta=True, part="selection").tta
    assert plan(tta=True, part="selection").name == plan(part="selection").name


def test_a_baseline_with_phases_has_all_their_learning_rates_scaled(plan):
    row = Row(label="x", method="lpt-norm")
    run, own = plan(row, lr=LearningRate(3.0), epochs=2), plan(row)
    assert run.baseline.lr == pytest.approx(3 * own.baseline.lr)
    assert run.config.phase2.optim.lr == pytest.approx(3 * own.config.phase2.optim.lr)
    assert run.epochs == (2, 2)
    assert plan(row, settings={"phase2.eta": 0.1}).name != own.name


def test_standard_epochs_are_the_defaults_of_the_method(plan):
    own = load_config("default")
    run = plan(epochs=1)
    assert run.epochs == (1, 1)
    assert run.standard == (own.phase1.epochs, own.phase2.epochs)
    paper = plan(Row(label="LPT", recipe="paper", set={"phase2.epochs": 0}), epochs=1)
    assert (paper.epochs, paper.standard) == ((1,), (40,))
    joint = plan(Row(label="joint", method="joint", epochs=2), epochs=3)
    assert (joint.epochs, joint.standard) == ((6,), (2 * own.phase2.epochs,))


def test_blocks_are_scaled_to_the_depth_of_the_backbone(plan):
    """Of 3 blocks: 4, 6 and 8 of 12 are 1, 2 and 2."""
    split = [plan(Row(label="K", shared_blocks=k)).config.prompts.shared_blocks for k in (4, 6, 8)]
    assert split == [1, 2, 2]


def test_invalid_settings_are_refused_before_any_training(plan):
    with pytest.raises(ConfigError, match=r"phase1\.epoch"):
        with_settings(plan, phase1__epoch=1)
    with pytest.raises(ConfigError, match="rank"):
        plan(PROBE, settings={"baseline.options": {"rank": 3}})
    with pytest.raises(ConfigError, match="unknown"):
        plan(Row(label="x", method="magic"))


def test_a_second_data_set_is_identified_by_its_images(photos, vit, tmp_path):
    config = load_config("default").changed({"data.source": str(photos)})
    line = Line(Row(label="both", method="multitask"), str(vit), "both")

    def name_with(other):
        study_data = StudyData(config, SilentReporter(), device="cpu", other=str(other))
        overrides = Overrides(other=str(other))
        return plan_run(line, overrides, study_data, lr=DEFAULT_LR, seed=0, part="final").name

    moved = shutil.copytree(photos, tmp_path / "moved" / photos.name)
    before = name_with(moved)
    assert before == name_with(photos)
    next(moved.glob("*/*.png")).unlink()
    assert name_with(moved) != before


def test_settings_of_a_row_reach_its_baseline(plan):
    whole = Row(label="whole images", method="lift", set={"augment.crop_growth": "convex"})
    run = plan(whole, settings={"augment.crop_growth": "linear", "augment.flip": 0.25})
    assert (run.config.augment.crop_growth, run.config.augment.flip) == ("convex", 0.25)
    assert run.name != plan(Row(label="LIFT", method="lift")).name


def test_a_row_keeps_epochs_of_its_own(plan):
    run = plan(Row(label="probe", method="linear-probe", baseline={"epochs": 5}), epochs=2)
    assert run.epochs == run.standard == (5,)
    row = Row(label="LPT", set={"phase1.epochs": 5, "phase2.epochs": 3})
    assert plan(row, epochs=2).epochs == plan(row, epochs=2).standard == (5, 3)
