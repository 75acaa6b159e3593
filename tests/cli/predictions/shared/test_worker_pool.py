"""Rows come in the order of the images, whichever process computes them, also after kills."""

import os
import re
import signal
import sys
import time
from pathlib import Path

import pytest

from lpt.cli.predictions.given_images import GivenImage
from lpt.cli.predictions.row_piece import RowPiece
from lpt.cli.predictions.shared import worker_pool
from lpt.cli.predictions.shared.worker_pool import WorkerPool
from lpt.errors import DataError, LptError

WORKER = """
import os, signal, sys, time
from lpt.cli.predictions.row_piece import RowPiece
from lpt.cli.predictions.shared import prediction_worker
from lpt.cli.predictions.shared.prediction_worker import PredictionWorker

prediction_worker.EVERY = 0.1
worker = PredictionWorker.of_environment()

def answer(images):
    if sys.argv[1] in ("slow", "differs"):
        time.sleep(0.02 * (worker.number + 1) if sys.argv[1] == 'slow' else 0.3)
    if sys.argv[1] == "stops" and worker.number == 1:
        os.kill(os.getpid(), signal.SIGSTOP)
    if sys.argv[1] == "stops" and images[0].path.name == "0.jpg":
        time.sleep(3.0)
    if sys.argv[1] == "bug":
        raise SystemExit(1)
    paths = [str(image.path) for image in images]
    bad = [str(image.path) for image in images if image.error is not None]
    return RowPiece(paths, ",".join(paths).encode(), bad, [])

with worker.prepared():
    if sys.argv[1] == "error":
        from lpt.errors import LptError
        raise LptError("runs/x: no such run.")
worker.serve({"kind": sys.argv[1]} if sys.argv[1] != "differs" else {"n": worker.number}, answer)
"""
CHUNKS = [
    [GivenImage(Path(f"{n}.jpg")), GivenImage(Path(f"{n}.txt"), DataError("no image."))]
    for n in range(30)
]
WANTED = [f"{n}.jpg,{n}.txt".encode() for n in range(30)]


def pool(kind: str, size: int = 2, say=lambda _: None) -> WorkerPool:
    return WorkerPool(size, [kind], say, [sys.executable, "-c", WORKER])


def computed(workers: WorkerPool) -> list[RowPiece]:
    workers.facts()
    return list(workers.pieces(iter(CHUNKS)))


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_pieces_come_in_order_and_all_processes_end():
    with pool("slow") as workers:
        assert workers.facts() == {"kind": "slow"}
        pieces = list(workers.pieces(iter(CHUNKS)))
        pids = workers.pids
    assert [piece.content for piece in pieces] == WANTED
    assert pieces[3] == RowPiece(["3.jpg", "3.txt"], WANTED[3], ["3.txt"], [])
    assert all(map(gone, pids))


def test_images_of_a_killed_process_are_computed_by_the_others_once():
    said: list[str] = []
    found: list[RowPiece] = []
    with pool("slow", 2, said.append) as workers:
        workers.facts()
        for piece in workers.pieces(iter(CHUNKS)):
            found.append(piece)
            if len(found) == 5:
                os.kill(workers.pids[1], signal.SIGKILL)
    assert [piece.content for piece in found] == WANTED
    assert said == ["note      process 1 of 0 to 1 was killed (SIGKILL); 1 of them left"]


def test_a_stopped_process_is_given_up_and_a_busy_one_is_not(monkeypatch):
    monkeypatch.setattr(worker_pool, "EVERY", 0.1)
    monkeypatch.setattr(worker_pool, "LOST_AFTER", 1.5)
    said: list[str] = []
    with pool("stops", 2, said.append) as workers:
        pieces = computed(workers)
    assert [piece.content for piece in pieces] == WANTED
    (line,) = said
    found = re.fullmatch(
        r"note      process 1 of 0 to 1 gave no sign of life for (\d) s and was killed; "
        "1 of them left",
        line,
    )
    assert found is not None
    assert found[1] in "12"
    assert all(map(gone, workers.pids))


def test_messages_to_a_process_that_reads_nothing_keep_nobody_waiting(monkeypatch):
    monkeypatch.setattr(worker_pool, "EVERY", 0.1)
    monkeypatch.setattr(worker_pool, "LOST_AFTER", 1.5)
    long = [[GivenImage(Path(f"{n}{'x' * 3000}")) for n in range(400)]] * 8
    with pool("stops") as workers:
        workers.facts()
        assert sum(len(piece.paths) for piece in workers.pieces(iter(long))) == 3200


def test_if_all_are_killed_the_command_ends():
    with pool("slow") as workers:
        workers.facts()
        pieces = workers.pieces(iter(CHUNKS))
        next(pieces)
        for pid in workers.pids:
            os.kill(pid, signal.SIGKILL)
        with pytest.raises(LptError, match="and so were the others"):
            list(pieces)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("error", "runs/x: no such run"),
        ("bug", "exit code 1"),
        ("differs", "has loaded another task"),
    ],
)
def test_an_error_of_a_process_ends_all(kind, said):
    began = time.monotonic()
    with pool(kind) as workers, pytest.raises(LptError, match=said):
        computed(workers)
    assert all(map(gone, workers.pids))
    assert time.monotonic() - began < 30


def test_images_are_taken_only_as_they_are_needed():
    taken = []

    def coming():
        for chunk in CHUNKS:
            taken.append(chunk)
            yield chunk

    with pool("slow") as workers:
        workers.facts()
        pieces = workers.pieces(coming())
        next(pieces)
        assert len(taken) <= 10
