"""A trained tiny run, an invented one, and a browser, each made once a session."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from lpt.analysis.analysis_results import Analysis

from ..tiny import backbone_of, config, train, write_backbone, write_photos
from .browser import CHROMIUM, Page
from .samples import analysed, run_folder

NAMES = ["<b>ant</b> & 'bee'", "cat", "</script><script>throw 1</script>", "dog", "untested"]


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the tiny task; nothing in it is analysed yet."""
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
def invented(tmp_path_factory: pytest.TempPathFactory, found: Analysis) -> Path:
    return run_folder(tmp_path_factory.mktemp("invented") / "one", found)


@pytest.fixture(scope="session")
def browser() -> Iterator[Page]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on PATH (Debian's package: chromium)")
    page = Page()
    yield page
    page.close()
