"""Processes that are started together end together."""

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from lpt.errors import LptError, ParameterError
from lpt.machine.group import launch as module
from lpt.machine.group.launch import launch
from lpt.machine.group.place import Place

PLACE = """
import os, sys, time, signal
rank = int(os.environ["RANK"])
open(os.path.join(sys.argv[1], str(rank)), "w").write(str(os.getpid()))
"""


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    monkeypatch.setattr(module, "_OWN_END", 0.2)


@pytest.fixture
def interruptible():
    """Handle SIGINT as a terminal's program does: one in the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def run(folder: Path, script: str, processes: int = 2) -> int:
    return launch(processes, [str(folder)], [sys.executable, "-c", PLACE + script])


def pids(folder: Path) -> list[int]:
    return [int(path.read_text()) for path in sorted(folder.iterdir())]


def all_gone(folder: Path) -> bool:
    for pid in pids(folder):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            continue
        return False
    return True


def test_each_process_knows_its_place_and_process_0_has_the_socket(tmp_path):
    script = """
import json
open(sys.argv[1] + f"/env{rank}", "w").write(json.dumps(dict(os.environ)))
import socket
if rank == 0:
    socket.socket(fileno=int(os.environ["LPT_LISTENER"])).getsockname()
"""
    assert run(tmp_path, script, 3) == 0
    import json

    places = [
        Place.of_environment(json.loads((tmp_path / f"env{rank}").read_text())) for rank in range(3)
    ]
    assert [(one.rank, one.size, one.local_rank) for one in places] == [(r, 3, r) for r in range(3)]
    assert {one.port for one in places} == {places[0].port}
    assert [one.listener is None for one in places] == [False, True, True]
    assert {one.launcher for one in places} == {os.getpid()}


def test_the_exit_code_is_that_of_the_process_that_failed(tmp_path):
    began = time.monotonic()
    assert run(tmp_path, "sys.exit(7) if rank == 1 else time.sleep(60)") == 7
    assert time.monotonic() - began < 30
    assert all_gone(tmp_path)


def test_a_process_that_is_killed_is_named_and_the_others_end(tmp_path):
    script = "time.sleep(0.5); os.kill(os.getpid(), 9) if rank == 1 else time.sleep(60)"
    with pytest.raises(LptError, match=r"process 1 of 0 to 1 was killed \(SIGKILL\)"):
        run(tmp_path, script)
    assert all_gone(tmp_path)


def test_a_process_that_does_not_end_is_killed(tmp_path):
    script = (
        "signal.signal(signal.SIGTERM, signal.SIG_IGN); sys.exit(3) if rank else time.sleep(60)"
    )
    assert run(tmp_path, script) == 3
    assert all_gone(tmp_path)


def test_ctrl_c_reaches_every_process_once(tmp_path, interruptible):
    script = """
def note(number, frame):
    open(sys.argv[1] + f"/signal{rank}-{time.monotonic_ns()}", "w").write(str(os.getpid()))
    sys.exit(130)
signal.signal(signal.SIGINT, note)
open(sys.argv[1] + f"/ready{rank}", "w").write(str(os.getpid()))
time.sleep(60)
"""

    def interrupt() -> None:
        while len(list(tmp_path.glob("ready*"))) < 2:
            time.sleep(0.05)
        signal.raise_signal(signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, script)
    assert len(list(tmp_path.glob("signal*"))) == 2
    assert all_gone(tmp_path)


@pytest.mark.parametrize("number", [0, -1, 100_000])
def test_a_wrong_number_of_processes_is_refused(number):
    with pytest.raises(ParameterError, match="processes"):
        launch(number, [])
