"""lpt review: what it shows in the terminal, and what it refuses."""

import shutil
from pathlib import Path

import pytest

from lpt.data.check.corrections import read_corrections
from lpt.review.review_server import ReviewServer

from ..running import refused

SUSPECTS = "name,split,kind,label,suggested,score\nant/00.png,train,suspect-label,ant,bee,0.99\n"
PREDICTIONS = "image,class,predicted,probability,own\n"


@pytest.fixture
def analysed(home: Path, tmp_path: Path) -> Path:
    shutil.copytree(home / "run", tmp_path / "run")
    (tmp_path / "run" / "analysis").mkdir()
    (tmp_path / "run" / "analysis" / "suspects.csv").write_text(SUSPECTS)
    (tmp_path / "run" / "analysis" / "predictions.csv").write_text(PREDICTIONS)
    return tmp_path / "run"


def test_a_review_ends_with_the_command_that_trains_on_it(lpt, analysed, monkeypatch, tmp_path):
    def decide(server: ReviewServer) -> None:
        server.review.decide(0, "change", "bee")
        raise KeyboardInterrupt  # as Ctrl-C does

    monkeypatch.setattr(ReviewServer, "wait", decide)
    path = tmp_path / "list.csv"
    code, out, err = lpt("review", str(analysed), "--out", str(path))
    assert (code, err) == (0, "")
    address, decided, following = out.splitlines()
    assert address.startswith("review    1 image at http://127.0.0.1:")
    assert decided == f"decided   1 changed, 0 left out, 0 confirmed ({path})"
    assert following.endswith(f"photos --corrections {path}")
    assert read_corrections(path)[0].corrected == "bee"


def test_without_findings_there_is_nothing_to_review(lpt, analysed):
    (analysed / "analysis" / "suspects.csv").unlink()
    code, out, _ = lpt("review", str(analysed))
    assert (code, out.split(":")[0]) == (0, "nothing to review")


def test_what_cannot_be_reviewed_is_refused(lpt, analysed, tmp_path):
    refused(lpt("review", "nowhere"), "nowhere: no such file")
    refused(lpt("review", "run"), "holds no analysis", "Run: lpt analyze run")
    refused(lpt("review", "run/task.safetensors"), "not the folder of a finished run")
    (tmp_path / "list.csv").write_text("other,columns\nx,y\n")
    refused(lpt("review", str(analysed), "--out", str(tmp_path / "list.csv")), "not a list of corr")
