"""A tiny backbone, and a classifier on it whose fits take a second."""

from pathlib import Path

import pytest

from lpt.sklearn import LongTailedPromptClassifier

from ..tiny import SETTINGS, write_backbone

MEANS_ONLY = {**SETTINGS, "checkpoint_seconds": 60, "phase1.epochs": 0, "phase2.epochs": 0}


@pytest.fixture(scope="session")
def vit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_backbone(tmp_path_factory.mktemp("sklearn") / "vit.safetensors")


@pytest.fixture
def model(vit: Path) -> LongTailedPromptClassifier:
    """A classifier that starts at class means and trains no further."""
    return LongTailedPromptClassifier(backbone=str(vit), settings=MEANS_ONLY, device="cpu")
