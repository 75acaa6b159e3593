"""What `import lpt` offers, and that it does no work."""

import subprocess
import sys

import lpt


def test_these_are_the_public_names():
    assert lpt.__all__ == ["LptError", "Prediction", "Task", "load", "train"]
    assert dir(lpt) == sorted(lpt.__all__)


def test_every_public_name_can_be_had_and_is_documented():
    for name in lpt.__all__:
        assert getattr(lpt, name).__doc__


def test_other_names_are_no_attributes():
    assert not hasattr(lpt, "no_such_name")


def test_importing_the_package_or_its_command_line_loads_nothing_heavy():
    heavy = {"torch", "numpy", "PIL", "timm", "pyarrow", "sklearn", "pydantic", "safetensors"}
    code = "import sys, lpt, lpt.cli; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert heavy & set(loaded) == set()
