"""Scripts from the habits of other libraries run, and print what they promise."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

WITH_TESTS = {"predict_with_ray.py"}
"""Scripts that take arguments, and have a test module of their own."""
EXAMPLES = sorted(
    path
    for path in (Path(__file__).parents[2] / "examples").glob("*.py")
    if path.name not in WITH_TESTS
)
PROMISED = {
    "from_scikit_learn.py": ("best {", "score 0.", "features (2, 384)", "accuracy"),
    "from_timm.py": (" %", "features (1, 384) 10 384"),
    "from_transformers.py": ("[{'label': '", "best ", " of 10"),
}


def test_every_script_is_tried():
    assert {path.name for path in EXAMPLES} == set(PROMISED)


@pytest.mark.slow
@pytest.mark.parametrize("script", EXAMPLES, ids=lambda path: path.stem)
def test_a_script_runs_in_an_empty_folder(script, tmp_path):
    environment = {**os.environ, "LPT_CACHE": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "error::FutureWarning", str(script)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    for text in PROMISED[script.name]:
        assert text in done.stdout
