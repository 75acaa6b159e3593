"""A run to keep a record of, and epochs to feed a log with."""

from pathlib import Path
from typing import Any

import pytest

from lpt.logs import LogReporter, with_log
from lpt.progress import SilentReporter

SETTINGS = {"phase1.epochs": "2", "data.source": "photos/vögel", "long": "x" * 9000}
FINAL = {"phase2": {"test": {"few": 0.25, "many": None}}}


def record(epoch: int, stage: str = "phase1") -> dict[str, Any]:
    val = {"overall": 0.5, "medium": None, "few": 0.125}
    return {"stage": stage, "epoch": epoch, "epochs": 2, "loss": 2.0 - epoch, "val": val}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run folder; the current folder and the home are empty."""
    for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    (tmp_path / "runs" / "my birds").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "home")
    return tmp_path / "runs" / "my birds"


def feed(log: str, run: Path, *, epochs: int = 2, failed: bool = False) -> None:
    """Feed a log with a run of two phases, or with a part of it."""
    reporter = with_log(SilentReporter(), log, run, SETTINGS)
    assert isinstance(reporter, LogReporter)
    for epoch in range(epochs):
        reporter.epoch(record(epoch))
    if not failed:
        reporter.epoch(record(0, "phase2"))
        reporter.finish(FINAL)
    reporter.close(failed)
