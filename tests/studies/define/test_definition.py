"""Every study of the paper is complete, and all its runs can be planned."""

import re

import pytest

from lpt.baselines import baseline_names
from lpt.errors import ConfigError
from lpt.studies.define.definition import OWN_METHODS, load_study, study_names
from lpt.studies.define.lr_grid import DEFAULT_LRS, LearningRate
from lpt.studies.define.overrides import Overrides
from lpt.studies.plan.plan_runs import StudyRun, lines_of, plan_run

TABLES = {
    "probe-vs-vpt": "1", "features": "2 13", "sota": "3 4 5", "shift": "6 16", "size": "7",
    "phases": "8", "joint": "9", "query": "10", "pretraining": "11", "pool": "12", "fair": "14",
    "tuning": "15", "split": "17", "top-k": "18", "sampling": "19", "loss": "20",
    "multitask": "21",
}  # fmt: skip

studies = pytest.mark.parametrize("name", study_names())


def test_every_comparison_of_the_paper_has_a_study():
    assert set(study_names()) == {"main", "rivals", "cost", *TABLES}
    for name, tables in TABLES.items():
        assert re.findall(r"\d+", load_study(name).source) == tables.split()


def test_the_main_study_compares_six_methods_and_both_recipes():
    rows = load_study("main").rows
    assert {row.method for row in rows} == {"lpt", "linear-probe", "vpt-deep", "full", "lift"}
    assert [row.recipe for row in rows if row.method == "lpt"] == ["default", "paper", "default"]


@studies
def test_all_runs_of_a_study_can_be_planned(name, vit, study_data):
    """Definitions name only existing methods, settings and options."""
    overrides = Overrides(epochs=2, other="elsewhere")
    names = set()
    lines = lines_of(load_study(name), (str(vit),))
    for line in lines:
        for lr in DEFAULT_LRS:
            run = plan_run(line, overrides, study_data, lr=lr, seed=0, part="selection")
            names.add(run.name)
        run = plan_run(line, overrides, study_data, lr=lr, seed=0, part="final")
        names.add(run.name)
    assert len(names) >= len(lines)


@studies
def test_labels_of_a_study_differ(name):
    rows = load_study(name).rows
    assert len({row.label for row in rows}) == len(rows)
    assert all(row.method in (*OWN_METHODS, *baseline_names()) for row in rows)


@pytest.mark.parametrize("name", [name for name in study_names() if name != "split"])
def test_rows_differ_in_what_they_train(name, vit, study_data):
    """Except rows of the recipe itself, with any loss; a ViT of 3 blocks has only 2 splits."""
    runs = [
        plan_run(line, Overrides(other="x"), study_data, lr=LearningRate(1.0), seed=0, part="final")
        for line in lines_of(load_study(name), (str(vit),))
        if line.label not in ("phase 1 of the recipe", "the recipe")
    ]
    assert len({run.name for run in runs}) == len(runs)


def test_numbers_of_the_paper_are_shares():
    for name in study_names():
        for row in load_study(name).rows:
            for paper in row.paper:
                assert all(0 < value < 1 for value in paper.values.values())


def test_the_published_checkpoint_is_the_mean_of_its_groups():
    """50.07 % of 36,500 images: 18,276 hits, of which 6,454, 8,212 and 3,610 in the groups."""
    (paper,) = load_study("fair").rows[0].paper
    exact = {"overall": 18276 / 36500, "many": 6454 / 13100, "medium": 8212 / 15700}
    for measure, share in exact.items():
        assert paper.values[measure] == pytest.approx(share, abs=5e-5)
    assert paper.values["few"] == pytest.approx(3610 / 7700, abs=5e-5)


def test_an_unknown_study_lists_the_known_ones():
    with pytest.raises(ConfigError, match=r"study tables: unknown\. Known: main, rivals, cost"):
        load_study("tables")


def test_given_backbones_replace_those_of_a_study():
    study = load_study("size")
    assert [line.backbone for line in lines_of(study, ())][::2] == list(study.backbones)
    assert {line.backbone for line in lines_of(study, ("random:vit",))} == {"random:vit"}


def planned(study: str, label: str, vit, study_data, **overrides) -> StudyRun:
    """The run of one row with the method's learning rate."""
    (line,) = (li for li in lines_of(load_study(study), (str(vit),)) if li.label == label)
    lr, settings = LearningRate(1.0), Overrides(**overrides)
    return plan_run(line, settings, study_data, lr=lr, seed=0, part="final")


def test_lift_plus_grows_square_crops_to_the_whole_image(vit, study_data):
    run = planned("rivals", "LIFT+", vit, study_data)
    augment = run.config.augment
    assert (augment.crop_scale, augment.crop_growth, augment.square_crops, augment.flip) == (
        (0.08, 1.0), "convex", True, 0.0,
    )  # fmt: skip
    assert run.epochs == (5,)


@pytest.mark.parametrize(
    ("label", "study", "other"),
    [
        ("phase 1, 20 epochs", "main", "phase 1 only"),
        ("LPT, 20 + 20 epochs", "main", "LPT (default)"),
        ("LIFT, 10 epochs", "main", "LIFT"),
        ("linear probe, 20 epochs", "rivals", "linear probe, logit adjustment"),
        ("LoRA, 20 epochs", "tuning", "LoRA"),
    ],
)
def test_rows_of_cost_share_runs_with_other_studies(label, study, other, vit, study_data):
    one, two = (
        planned(*row, vit, study_data, tta=True) for row in (("cost", label), (study, other))
    )
    assert one.name == two.name


def test_both_phases_at_a_cost_continue_from_phase_1_at_that_cost(vit, study_data):
    both = planned("cost", "LPT, 5 + 5 epochs", vit, study_data)
    assert both.start is not None
    assert both.start.name == planned("cost", "phase 1, 5 epochs", vit, study_data).name
