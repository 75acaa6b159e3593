"""Options of 0.1 are accepted, with a warning that gives the new name."""

import subprocess
import sys

import pytest

from lpt.cli.old_options import RENAMED_OPTIONS, RENAMED_STUDIES, current_arguments
from lpt.deprecation import RenamedWarning
from lpt.studies.define.definition import study_names


@pytest.mark.parametrize(("old", "new"), RENAMED_OPTIONS["study"].items())
@pytest.mark.parametrize("form", ["{}", "{}=x"])
def test_an_old_option_becomes_the_new_one(old, new, form):
    with pytest.warns(RenamedWarning, match=f"option {old} is now {new}"):
        found = current_arguments(["study", "main", form.format(old)])
    assert found == ["study", "main", form.format(new)]


def test_an_old_study_becomes_the_new_one():
    for old, new in RENAMED_STUDIES.items():
        with pytest.warns(RenamedWarning, match=new):
            assert current_arguments(["study", old]) == ["study", new]
        assert new in study_names()
        assert old not in study_names()


def test_other_commands_and_values_are_left_alone():
    arguments = ["train", "photos", "--rates", "--out", "ensemble"]
    assert current_arguments(arguments) == arguments
    assert current_arguments([]) == []


def test_the_warning_is_one_line_on_stderr():
    command = [sys.executable, "-m", "lpt", "study", "main", "--rates", "x1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "lpt: warning: option --rates is now --lrs. The old name works until lpt 0.3.",
        "lpt: study main: name the data with --data.",
    ]
