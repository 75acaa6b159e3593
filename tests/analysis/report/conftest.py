"""A browser, and two analysed runs to compare."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from lpt.analysis.analysis_results import Analysis
from lpt.analysis.report.finished_run import FinishedRun, read_finished_run

from ..samples import NAMES, analysed, run_folder
from .browser import CHROMIUM, Page


@pytest.fixture(scope="session")
def browser() -> Iterator[Page]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on PATH (Debian's package: chromium)")
    page = Page()
    yield page
    page.close()


@pytest.fixture(scope="session")
def found_again() -> Analysis:
    """An analysis of the classes of `found` with other images and features."""
    labels = np.random.default_rng(5).integers(4, size=120)
    return analysed([300, 150, 40, 5, 2], labels, names=NAMES, seed=5)


@pytest.fixture(scope="session")
def second(tmp_path_factory: pytest.TempPathFactory, found_again: Analysis) -> Path:
    return run_folder(tmp_path_factory.mktemp("second") / "two", found_again, seed=3)


@pytest.fixture(scope="session")
def both(synthetic: Path, second: Path) -> list[FinishedRun]:
    return [read_finished_run(synthetic), read_finished_run(second)]
