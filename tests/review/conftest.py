"""A trained run whose analysis found two suspect labels and one confusion; a browser."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from lpt.review.review_server import ReviewServer
from lpt.review.run_review import RunReview

from ..analysis.report.browser import CHROMIUM, Page
from ..tiny import backbone_of, config, train, write_backbone, write_photos

TABLES = {
    "suspects.csv": "name,split,kind,label,suggested,score\n"
    "ant/00.png,train,suspect-label,ant,bee,0.99\n"
    "bee/01.png,train,suspect-label,bee,cat,0.95\n"
    "cat/02.png,train,left-out,,,\n"
    "gone.png,train,suspect-label,ant,bee,0.93\n",
    "label_ranking.csv": "name,split,kind,label,suggested,score\n"
    "cat/03.png,train,suspect-label,cat,dog,0.5\n"
    "cat/04.png,train,suspect-label,cat,ant,0.2\n",
    "suspects_test.csv": "name,split,kind,label,suggested,score\n",
    "predictions.csv": "image,class,predicted,probability,own\n"
    "{photos}/ant/03.png,ant,ant,0.9,0.9\n"
    "{photos}/ant/04.png,ant,cat,0.8,0.1\n",
}


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("review")
    vit, photos = write_backbone(root / "vit.safetensors"), write_photos(root / "photos")
    settings = config(photos, phase1__epochs=0, phase2__epochs=0)
    settings = settings.changed({"data.val_fraction": 0, "data.test_fraction": 0})
    train(settings.changed({"backbone": str(vit)}), root / "run", backbone_of(vit))
    return root / "run"


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """An analysed run of one's own."""
    own = tmp_path / "run"
    shutil.copytree(finished, own)
    (own / "analysis").mkdir()
    for name, text in TABLES.items():
        (own / "analysis" / name).write_text(text.format(photos=finished.parent / "photos"))
    return own


@pytest.fixture
def server(run: Path) -> Iterator[ReviewServer]:
    with ReviewServer(RunReview.open(run, labels=0)) as started:
        yield started


@pytest.fixture(scope="session")
def browser() -> Iterator[Page]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on PATH (Debian's package: chromium)")
    page = Page()
    yield page
    page.close()
