"""The examples of docs/extending.md, each installed as a package of its own, work together."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.tiny import write_photos

from lpt.registry import GROUP

PAGE = Path(__file__).parents[1] / "docs" / "extending.md"
BLOCK = re.compile(r"^```python\n# (\w+)\.py\n(.*?)^```", re.MULTILINE | re.DOTALL)
EXAMPLES = dict(BLOCK.findall(PAGE.read_text(encoding="utf-8")))

SCRIPT = """
import lpt
from lpt.baselines import baseline_settings, train_baseline
from lpt.config import load_config
from lpt.progress import SilentReporter
from lpt.training.run.training_context import TrainingContext

settings = {
    "phase1.loss.name": "growing-focal",
    "phase1.loss.options": {"gamma": 1.0}, "phase1.sampler": "rare-first",
    "phase1.epochs": 1, "phase2.epochs": 1, "prompts.length": 2, "prompts.pool_size": 3,
}
place = {"backbone": "tiny-vit", "out": "run", "device": "cpu"}
task = lpt.train("birds:root=garden", settings=settings, **place)
print(task.predict("garden/photos/ant/00.png")[0].labels[0])
config = load_config().changed({"data.source": "birds:root=garden", "backbone": "tiny-vit"})
context = TrainingContext(config, SilentReporter(), device="cpu")
trained = train_baseline("last-norm", context, baseline_settings("last-norm", epochs=1))
print(trained.parameters)
"""


def test_each_kind_of_entry_has_an_example_of_at_most_30_lines():
    text = "".join(EXAMPLES.values())
    for kind in ("loss", "sampler", "baseline", "dataset", "backbone"):
        assert f"lpt.register_{kind}(" in text
    assert all(len(code.splitlines()) < 30 for code in EXAMPLES.values())


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """A folder of installed packages, one per example, each with its entry point."""
    site = tmp_path_factory.mktemp("site")
    for name, code in EXAMPLES.items():
        source = tmp_path_factory.mktemp(name)
        (source / f"{name}.py").write_text(code, encoding="utf-8")
        (source / "pyproject.toml").write_text(
            f'[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
            f'[project]\nname = "{name}"\nversion = "1.0"\n'
            f'[project.entry-points."{GROUP}"]\n{name} = "{name}"\n'
            f'[tool.setuptools]\npy-modules = ["{name}"]\n',
            encoding="utf-8",
        )
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
        options = ["--no-build-isolation", "--disable-pip-version-check", "--target", str(site)]
        subprocess.run([*pip, *options, str(source)], check=True)
    return site


def run(installed: Path, folder: Path, *command: str) -> str:
    path = os.pathsep.join([str(installed), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_installed_examples_train_a_task_and_a_baseline(installed, tmp_path):
    write_photos(tmp_path / "garden" / "photos")
    label, parameters = run(installed, tmp_path, "-c", SCRIPT).split()
    assert label in ("ant", "bee", "cat", "dog")
    assert (
        int(parameters) == 2 * 32 + 4 * 64
    )  # the norm's weight and bias, the classifier of both tokens


@pytest.mark.slow
def test_the_command_line_lists_them(installed, tmp_path):
    assert "birds of my garden" in run(installed, tmp_path, "-m", "lpt", "data", "list")
    assert "tiny-vit" in run(installed, tmp_path, "-m", "lpt", "backbones")
