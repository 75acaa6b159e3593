"""lpt info, lpt settings, and what all commands share: --quiet, --json, help without types."""

import json
import re

import pytest
import typer

from lpt.cli.main import app
from lpt.cli.options import command_of

from .running import refused, train


def commands():
    """All commands by the words that call them."""
    top = command_of(app)
    for name, command in top.commands.items():
        for inner, one in getattr(command, "commands", {"": command}).items():
            yield f"{name} {inner}".strip(), one


@pytest.mark.parametrize("name", [name for name, _ in commands()])
def test_help_names_no_types_of_python_and_fits_eighty_columns(name, lpt, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    code, out, _ = lpt(*name.split(), "--help")
    assert code == 0
    assert not re.search(r"<(?:bool|str|int|float|path|list)", out)
    assert all(len(line) <= 80 for line in out.splitlines())


def test_commands_with_progress_can_be_quiet():
    quiet = {
        name for name, command in commands() if "--quiet" in str([p.opts for p in command.params])
    }
    assert {"demo", "train", "evaluate", "analyze", "report", "study", "data check"} <= quiet


def test_quiet_training_prints_its_result_only(lpt, home, tmp_path):
    code, out, err = train(lpt, "photos", tmp_path / "run", "--quiet", "--json")
    assert (code, err) == (0, "")
    result = json.loads(out)
    assert result["run"] == str(tmp_path / "run")
    assert result["metrics"]["phase2"]["test"]["overall"] >= 0


def test_info_of_a_run_and_of_its_file(lpt):
    code, out, err = lpt("info", "run")
    assert (code, err) == (0, "")
    assert "4 classes" in out
    code, out, _ = lpt("info", "run/task.safetensors", "--json")
    assert json.loads(out)["task"]["class_names"] == ["ant", "bee", "cat", "dog"]


def test_settings_are_found_by_name_and_by_meaning(lpt):
    code, out, _ = lpt("settings", "pool_size")
    assert code == 0
    assert out.startswith("prompts.pool_size = 20   (integer >= 1")
    assert "augment.mixup" in lpt("settings", "Mixup")[1]
    assert "baseline.lr = " in lpt("settings")[1]
    assert [s["name"] for s in json.loads(lpt("settings", "prompts.top_k", "--json")[1])] == [
        "prompts.top_k"
    ]
    assert 'recipe = "paper"' in lpt("settings", "--recipe", "paper")[1]
    refused(lpt("settings", "nothing-like-this"), "nothing-like-this")


def test_choices_are_named_when_a_value_is_unknown(lpt):
    refused(lpt("bench", "--precision", "banana"), "--precision banana", "auto, float32, bf16")
    refused(lpt("data", "longtail", "photos", "x.csv", "--profile", "y"), "'y'", "exponential")
    refused(lpt("train", "photos", "--log", "loki"), "--log loki", "tensorboard")


def test_backbones_fit_eighty_columns(lpt):
    assert all(len(line) <= 80 for line in lpt("backbones")[1].splitlines())


def test_completion_is_offered():
    options = {
        option for parameter in typer.main.get_command(app).params for option in parameter.opts
    }
    assert {"--install-completion", "--show-completion"} <= options
