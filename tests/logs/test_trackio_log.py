"""Trackio on this machine finds the run that was logged."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("trackio", reason="extra 'trackio' is not installed")
pytestmark = pytest.mark.slow

LOG = """
import sys
from pathlib import Path
from tests.logs.conftest import feed
run = Path(sys.argv[1])
feed("trackio", run, epochs=1, failed=True)
feed("trackio", run)
import trackio
(found,) = trackio.Api().runs("lpt")
print("run", found.name)
for name in ("phase1/loss", "phase2/val/few", "final/phase2/test/few"):
    from trackio.sqlite_storage import SQLiteStorage
    print(name, [row[name] for row in SQLiteStorage.get_logs("lpt", found.name) if name in row])
"""


def test_a_run_on_this_machine_holds_epochs_and_scores(run, monkeypatch):
    monkeypatch.setenv("TRACKIO_DIR", str(run.parent / "store"))  # read when it is imported
    done = subprocess.run(
        [sys.executable, "-c", LOG, str(run)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("run my birds-")  # and nothing of Trackio on standard output
    assert lines[1:] == [
        "phase1/loss [2.0, 2.0, 1.0]",
        "phase2/val/few [0.125]",
        "final/phase2/test/few [0.25]",
    ]
