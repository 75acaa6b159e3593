"""How commands end: exit codes of signals, closed pipes and full disks, without tracebacks."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lpt.cli.main import stopped_by_signals
from lpt.cli.printing import guarded_streams
from lpt.errors import LptError

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals and pipes of POSIX")

FULL = Path("/dev/full")


@pytest.fixture(autouse=True)
def _usual_signals() -> Iterator[None]:
    """Signals as in a terminal, also where the tests run in the background or under nohup."""
    usual = dict.fromkeys((signal.SIGTERM, signal.SIGHUP), signal.SIG_DFL)
    before = {n: signal.signal(n, how) for n, how in usual.items()}
    before[signal.SIGINT] = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, how in before.items():
        signal.signal(number, how)


@pytest.fixture
def closed_pipe() -> Iterator[int]:
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


def code_of(command: Callable[[], None]) -> object:
    with pytest.raises(SystemExit) as ended, stopped_by_signals():
        command()
    return ended.value.code


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_runs_the_clean_up_and_gives_its_own_exit_code(number):
    before = signal.getsignal(number)
    cleaned = False

    def command() -> None:
        nonlocal cleaned
        try:
            os.kill(os.getpid(), number)
            time.sleep(10)
        finally:
            cleaned = True

    assert code_of(command) == 128 + number
    assert cleaned
    assert signal.getsignal(number) == before


def test_the_code_of_a_signal_wins_over_the_code_that_the_command_line_library_gives():
    def command() -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(10)
        except KeyboardInterrupt:
            raise SystemExit(130) from None

    assert code_of(command) == 143


def test_a_signal_that_the_caller_ignores_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stopped_by_signals():
            os.kill(os.getpid(), signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_worker_that_inherits_the_handler_dies_of_the_signal_itself():
    reading, writing = os.pipe()
    with stopped_by_signals():
        child = os.fork()
        if child == 0:
            os.write(writing, b"ready")
            time.sleep(30)
            os._exit(0)
        os.read(reading, 5)
        os.kill(child, signal.SIGTERM)
        _, status = os.waitpid(child, 0)
    os.close(reading)
    os.close(writing)
    assert os.WTERMSIG(status) == signal.SIGTERM


def test_a_reader_that_leaves_ends_the_command_with_141(closed_pipe, monkeypatch):
    with open(closed_pipe, "w", closefd=False) as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        with pytest.raises(SystemExit) as ended, guarded_streams():
            print("x", flush=True)
        print("what is left goes nowhere", flush=True)
    assert ended.value.code == 141


def test_bytes_to_a_reader_that_left_end_the_command_with_141_too(closed_pipe, monkeypatch):
    with open(closed_pipe, "w", closefd=False) as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        with pytest.raises(SystemExit) as ended, guarded_streams():
            sys.stdout.buffer.write(b"x" * 100_000)
    assert ended.value.code == 141


@pytest.mark.skipif(not FULL.exists(), reason="Linux")
def test_a_full_disk_at_stdout_is_a_user_error_and_at_stderr_stops_nothing(monkeypatch):
    with FULL.open("w") as out, FULL.open("w") as err:
        monkeypatch.setattr(sys, "stdout", out)
        monkeypatch.setattr(sys, "stderr", err)
        with guarded_streams():
            print("progress", file=sys.stderr, flush=True)
            with pytest.raises(LptError, match="stdout: cannot be written"):
                print("result", flush=True)


def test_characters_that_stdout_cannot_encode_are_escaped(tmp_path, monkeypatch):
    with (tmp_path / "out").open("w", encoding="ascii") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        with guarded_streams():
            print("Ωμέγα")
    assert (tmp_path / "out").read_text() == "\\u03a9\\u03bc\\u03ad\\u03b3\\u03b1\n"


def run(arguments: str, stdout: int) -> tuple[int, str]:
    done = subprocess.run(
        f"{sys.executable} -m lpt {arguments}", stdout=stdout, stderr=subprocess.PIPE, shell=True
    )
    return done.returncode, done.stderr.decode()


@pytest.mark.slow
@pytest.mark.parametrize("command", ["data list", "--help"])
def test_whole_commands_end_quietly_when_the_reader_leaves(command, closed_pipe):
    assert run(command, closed_pipe) == (141, "")


@pytest.mark.slow
@pytest.mark.skipif(not FULL.exists(), reason="Linux")
@pytest.mark.parametrize("command", ["data list", "--help"])
def test_whole_commands_print_one_line_when_the_disk_is_full(command):
    with FULL.open("wb") as full:
        code, err = run(command, full.fileno())
    assert (code, len(err.splitlines())) == (2, 1)
    assert err.startswith("lpt: stdout: cannot be written (No space left on device).")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_training_that_is_ended_says_how_to_resume_it(number, home, tmp_path):
    run, settings = tmp_path / "run", ["--set", "phase1.epochs=5000", "--set", "phase2.epochs=0"]
    words = ["train", "photos", "--backbone", "vit.safetensors", "--out", str(run), *settings]
    training = subprocess.Popen(
        [sys.executable, "-m", "lpt", *words], cwd=home, stderr=subprocess.PIPE, text=True
    )
    while training.poll() is None and not (run / "metrics.jsonl").is_file():
        time.sleep(0.1)
    training.send_signal(number)
    _, err = training.communicate(timeout=60)
    assert training.returncode == 128 + number
    assert err.endswith(f"lpt: stopped. Resume with: lpt train --out {run} --resume\n")
    assert "Traceback" not in err
