"""Settings are checked where they are made, and defaults are filled in."""

import pytest
from pydantic import ValidationError

from lpt.baselines import BaselineSettings, baseline_settings
from lpt.deprecation import RenamedWarning
from lpt.errors import ConfigError


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"epochs": -1}, "epochs=-1: must be at least 0"),
        ({"epochs": "many"}, "epochs='many': must be a whole number"),
        ({"epochs": True}, "epochs=True: must be a whole number"),
        ({"batch_size": -1}, "batch_size=-1: must be at least 0"),
        ({"batch_size": 2.5}, "batch_size=2.5: must be a whole number"),
        ({"cached_views": -1}, "cached_views=-1: must be at least 0"),
        ({"lr": "fast"}, "lr='fast': must be a number"),
        ({"lr": 0.0}, "lr=0.0: must be more than 0"),
        ({"lr": float("nan")}, "lr=nan: must be a finite number"),
        ({"classifier_lr": 0}, "classifier_lr=0: must be more than 0"),
        ({"weight_decay": -1}, "weight_decay=-1: must be at least 0"),
        ({"mean_weight": 1.5}, "mean_weight=1.5: must be at most 1"),
        ({"dropout": 1}, "dropout=1: must be less than 1"),
        ({"options": 5}, "options=5: must be a mapping, written as NAME.KEY=VALUE"),
        ({"loss_options": 5}, "loss_options=5: must be a mapping"),
        ({"tta": "yes"}, "tta='yes': must be true or false"),
        ({"sampler": "random"}, "sampler='random': must be one of 'instance'"),
        ({"loss": "l2"}, "loss: 'l2' is unknown; choose one of ce, focal"),
        ({"init": "zeros"}, "init='zeros': must be one of 'class-means'"),
        ({"speed": 3}, "speed: unknown. Known here: epochs, batch_size"),
    ],
)
def test_invalid_settings_are_refused(change, problem):
    with pytest.raises(ConfigError) as refused:
        baseline_settings("full", **change)
    assert str(refused.value).startswith(f"baseline full: {problem}")
    with pytest.raises(ConfigError) as refused:
        BaselineSettings().changed(change)
    assert str(refused.value).startswith(f"baseline setting {problem}")
    with pytest.raises(ValidationError):
        BaselineSettings(**change)


def test_settings_are_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        BaselineSettings().epochs = 3


def test_a_changed_copy_leaves_the_original():
    settings = BaselineSettings(lr=0.1)
    assert settings.changed({"epochs": 3, "weight_decay": None}).epochs == 3
    assert settings == BaselineSettings(lr=0.1)


@pytest.mark.parametrize(
    ("old", "new", "value"),
    [
        ("rate", "lr", 0.5),
        ("classifier_rate", "classifier_lr", 0.5),
        ("batch", "batch_size", 3),
        ("mean_share", "mean_weight", 0.5),
        ("views", "cached_views", 2),
        ("ensemble", "tta", True),
    ],
)
def test_names_of_lpt_0_1_are_accepted_with_a_warning(old, new, value):
    with pytest.warns(RenamedWarning, match=f"setting {old} is now {new}"):
        settings = baseline_settings("linear-probe", **{old: value})
    assert getattr(settings, new) == value


def test_an_old_option_is_accepted_with_a_warning():
    with pytest.warns(RenamedWarning, match=r"options\.learn_scale is now options\.train_scale"):
        settings = baseline_settings("adapter", options={"learn_scale": True})
    assert settings.options["train_scale"] is True


def test_an_old_and_a_new_name_together_are_refused():
    with pytest.raises(ConfigError, match="Keep only lr"):
        baseline_settings("full", rate=0.1, lr=0.1)
