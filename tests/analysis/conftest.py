"""A trained tiny run, and a synthetic one, each made once per session."""

from pathlib import Path

import numpy as np
import pytest

from lpt.analysis.analysis_results import Analysis

from ..tiny import backbone_of, config, train, write_backbone, write_photos
from .samples import NAMES, analysed, run_folder


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the tiny task, not analysed yet."""
    root = tmp_path_factory.mktemp("trained")
    vit, photos = write_backbone(root / "vit.safetensors"), write_photos(root / "photos")
    settings = config(photos, phase1__epochs=1, phase2__epochs=1).changed({"backbone": str(vit)})
    train(settings, root / "run", backbone_of(vit))
    return root / "run"


@pytest.fixture(scope="session")
def found() -> Analysis:
    """An analysis of five classes, one of them without test images."""
    labels = np.random.default_rng(0).integers(4, size=120)
    return analysed([300, 150, 40, 5, 2], labels, names=NAMES)


@pytest.fixture(scope="session")
def synthetic(tmp_path_factory: pytest.TempPathFactory, found: Analysis) -> Path:
    """A finished and analysed run folder without weights."""
    return run_folder(tmp_path_factory.mktemp("synthetic") / "one", found)
