"""Reading all images, in this process or in workers."""

import os
import signal
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest

from lpt.data.check.check_result import check_data
from lpt.data.check.scan import scan_images
from lpt.errors import DataError


def test_workers_do_not_change_the_report(flawed):
    one, two = (check_data(flawed, workers=workers).findings for workers in (0, 2))
    assert one == two


@pytest.mark.slow
def test_spawned_workers_do_not_change_the_report(flawed):
    spawned = check_data(flawed, workers=1, start_method="spawn")
    assert spawned.findings == check_data(flawed, workers=0).findings


def test_no_more_workers_start_than_there_are_chunks(flawed, monkeypatch):
    """Each of the two splits is one chunk."""
    started = []

    def recorded(workers, *arguments):
        started.append(workers)
        return ProcessPoolExecutor(workers, *arguments)

    monkeypatch.setattr("lpt.data.check.scan.ProcessPoolExecutor", recorded)
    scan_images(list(flawed.splits.values()), workers=256)
    assert started == [len(flawed.splits)] == [2]


def test_progress_ends_at_the_number_of_images(flawed):
    seen = []
    check_data(flawed, workers=0, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (9, 9)


def die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.slow
def test_worker_that_is_killed_is_explained(flawed, monkeypatch):
    monkeypatch.setattr("lpt.data.check.scan.fingerprint", die)
    with pytest.raises(DataError, match="Use fewer workers"):
        scan_images(list(flawed.splits.values()), workers=1, start_method="fork")


def test_facts_cover_every_image_split_by_split(flawed):
    scan = scan_images(list(flawed.splits.values()), workers=0)
    assert len(scan.facts) == 9
    assert sorted(kind for kind, _ in scan.problems.values()) == ["empty", "not-image"]
    sound = [i for i in range(9) if i not in scan.problems]
    assert set(scan.facts["width"][sound]) == {48}
    assert len(np.unique(scan.facts["digest"][sound], axis=0)) == 5
