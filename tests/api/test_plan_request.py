"""A run is planned from its arguments; nothing is written."""

from pathlib import Path

import pytest

from lpt.api import TrainRequest, plan_training
from lpt.errors import LptError
from lpt.progress import SilentReporter

from ..tiny import SETTINGS, write_backbone, write_photos


def test_a_run_is_planned_and_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    vit, photos = write_backbone(tmp_path / "vit.safetensors"), write_photos(tmp_path / "photos")
    before = sorted(tmp_path.rglob("*"))
    request = TrainRequest(photos, backbone=vit, settings=SETTINGS, device="cpu")
    plan = plan_training(request, SilentReporter())
    assert [phase.name for phase in plan.phases] == ["phase1", "phase2"]
    assert sorted(tmp_path.rglob("*")) == before


def test_a_run_that_has_begun_is_not_planned():
    with pytest.raises(LptError, match="plans a new run"):
        plan_training(TrainRequest(resume=True, out="runs/birds"), SilentReporter())
