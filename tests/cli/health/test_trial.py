"""The bundled backbone is tried, and what fails is reported."""

import pytest
import torch

import lpt.backbones
from lpt.cli.health.health_report import HealthReport
from lpt.cli.health.trial import check_formats, check_trial


def trial():
    report = HealthReport()
    check_trial(report)
    return report


def test_the_bundled_backbone_computes():
    report = trial()
    assert report.values["trial"] is True
    assert not report.problems


@pytest.mark.parametrize("kind", ["raises", "nan"])
def test_a_backbone_that_fails_is_a_problem_not_a_crash(kind, monkeypatch):
    loaded = lpt.backbones.load_backbone

    def load(name):
        if kind == "raises":
            raise RuntimeError("no kernel\nimage")
        backbone = loaded(name)
        backbone.forward = lambda images: torch.full((1, 4), torch.nan)
        return backbone

    monkeypatch.setattr(lpt.backbones, "load_backbone", load)
    report = trial()
    assert report.values["trial"] is False
    assert not report.is_healthy
    wanted = "(no kernel image)" if kind == "raises" else "no finite numbers"
    assert wanted in report.problems[0].fault


def test_formats_that_are_missing_are_a_note(monkeypatch):
    monkeypatch.setattr("lpt.data.images.formats.decoded_formats", lambda: ("JPEG", "PNG"))
    report = HealthReport()
    check_formats(report)
    assert report.values["formats"] == ["JPEG", "PNG"]
    assert "HEIF" in report.problems[0].fault
    assert report.is_healthy
