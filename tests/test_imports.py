"""Predicting needs neither training nor its libraries, nor anything that only POSIX has."""

import subprocess
import sys
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent / "golden" / "v0_1"

PREDICT = """
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec

ABSENT = {"accelerate", "fcntl", "pyarrow", "resource", "sklearn", "typer", "rich"}

class Absent(MetaPathFinder, Loader):
    def find_spec(self, name, path=None, target=None):  # torch looks for some, but imports none
        return ModuleSpec(name, self) if name.partition(".")[0] in ABSENT else None

    def exec_module(self, module):
        raise ModuleNotFoundError(f"No module named '{module.__name__}'", name=module.__name__)

sys.meta_path.insert(0, Absent())
import lpt
task = lpt.load(sys.argv[1], device="cpu")
for path in sys.argv[2:]:
    print(task.predict(path)[0].labels[0])
needless = ("lpt.training", "lpt.config", "lpt.api", "lpt.cli")
print(*(name for name in sys.modules if name.startswith(needless)), sep="")
"""


def test_predicting_imports_no_training_and_nothing_that_only_posix_has(tmp_path):
    from PIL import Image

    png = GOLDEN / "images" / "7.png"
    jpeg = tmp_path / "7.jpg"
    Image.open(png).convert("RGB").save(jpeg, quality=95)
    arguments = [str(GOLDEN / "run" / "task.safetensors"), str(png), str(jpeg)]
    done = subprocess.run(
        [sys.executable, "-c", PREDICT, *arguments], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n") == ["7", "7", "", ""]


@pytest.mark.parametrize("module", ["lpt", "lpt.cli"])
def test_importing_the_package_or_its_command_line_imports_nothing_heavy(module):
    heavy = {"torch", "numpy", "PIL", "timm", "pyarrow", "sklearn", "pydantic", "safetensors"}
    code = f"import sys, {module}; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert heavy & set(loaded) == set()
