"""Overrides accept settings under old and new names, and refuse what the study fixes."""

import pytest

from lpt.deprecation import RenamedWarning
from lpt.errors import ConfigError
from lpt.studies.define.definition import Row
from lpt.studies.define.overrides import Overrides


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
def test_settings_that_a_study_fixes_are_refused(name, remedy):
    with pytest.raises(ConfigError, match=f"^--set {name}: cannot be set in a study; .*{remedy}"):
        Overrides(settings={name: 1})


@pytest.mark.parametrize("name", ["phase1.epochs", "phase2.epochs", "baseline.epochs"])
def test_epochs_are_given_once(name):
    with pytest.raises(ConfigError, match=r"--epochs 2 is given too\. Keep one\."):
        Overrides(epochs=2, settings={name: 1})


def test_settings_of_baselines_are_kept_apart():
    settings = {"baseline.lr": 0.1, "baseline.options.tau": 0.5, "phase1.eta": 0.1}
    overrides = Overrides(settings=settings)
    assert overrides.for_baselines == {"lr": 0.1, "options": {"tau": 0.5}}
    assert overrides.shared == {"phase1.eta": 0.1}


def test_unknown_settings_of_baselines_are_named():
    with pytest.raises(ConfigError, match=r"^--set baseline\.speed: unknown\. Known: epochs"):
        Overrides(settings={"baseline.speed": 1})


def test_a_field_is_set_whole_or_by_name():
    settings = {"baseline.options": 5, "baseline.options.tau": 0.5}
    with pytest.raises(ConfigError, match=r"options\.tau: baseline\.options=5 is given too"):
        Overrides(settings=settings)


def test_old_names_are_translated():
    with pytest.warns(RenamedWarning):
        overrides = Overrides(settings={"baseline.rate": 0.1, "phase1.batch": 8})
    assert overrides.settings == {"phase1.batch_size": 8, "baseline.lr": 0.1}


def test_a_row_with_a_recipe_keeps_it():
    overrides = Overrides(recipe="released")
    assert overrides.recipe_of(Row(label="x")) == "released"
    assert overrides.recipe_of(Row(label="x", recipe="paper")) == "paper"
