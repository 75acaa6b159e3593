"""Start the processes that train together on this machine, and end all of them if one ends."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence

from lpt.errors import LptError, ParameterError
from lpt.machine.group.place import LAUNCHER, LISTENER, MOST_PROCESSES

__all__ = ["launch"]

_POLL = 0.05
_OWN_END = 5.0
"""Seconds in which processes end by themselves after another one has failed."""
_SAVING = 15.0
"""Seconds that a process has for its last checkpoint once it is told to end."""
_LOCAL = "127.0.0.1"
_LOOPBACK = "lo0" if sys.platform == "darwin" else "lo"
"""Nothing outside this machine can connect to the processes."""


def launch(
    processes: int,
    arguments: Sequence[str],
    program: Sequence[str] = (sys.executable, "-m", "lpt"),
) -> int:
    """Run `lpt` with these arguments in several processes, which find each other.

    Each is a process group of its own, so that Ctrl-C reaches them once, through this process.

    Args:
        processes: number of processes.
        arguments: of the command line, after `lpt`.
        program: what takes them.
    Returns: the exit code of the process that failed first, or 0.
    Raises: LptError naming a process that was killed; KeyboardInterrupt once all have ended.
    """
    if not 1 <= processes <= MOST_PROCESSES:
        raise ParameterError(f"`processes` {processes}: give 1 to {MOST_PROCESSES}.")
    with socket.socket() as listener:
        listener.bind((_LOCAL, 0))
        listener.listen(processes)
        started: list[subprocess.Popen[bytes]] = []
        try:
            for rank in range(processes):
                started.append(_start(rank, processes, listener, [*program, *arguments]))
        except BaseException:
            _end(started, signal.SIGKILL, 0)
            raise
    try:
        first = _first_to_fail(started)
    except KeyboardInterrupt:
        _end(started, signal.SIGINT, _SAVING)
        raise
    if first is None:
        return 0
    code = started[first].returncode
    if code < 0:
        _end(started, signal.SIGTERM, _SAVING)
        raise LptError(
            f"process {first} of 0 to {processes - 1} was killed ({_name(-code)}), so all "
            "processes have stopped.",
            "Start the same command again, with --resume if the run had begun.",
        )
    _wait(started, _OWN_END)
    _end(started, signal.SIGTERM, _OWN_END)
    return code


def _start(
    rank: int, size: int, listener: socket.socket, command: Sequence[str]
) -> "subprocess.Popen[bytes]":
    threads = max(1, (os.cpu_count() or 1) // size)
    variables = {
        "RANK": str(rank),
        "WORLD_SIZE": str(size),
        "LOCAL_RANK": str(rank),
        "LOCAL_WORLD_SIZE": str(size),
        "MASTER_ADDR": _LOCAL,
        "MASTER_PORT": str(listener.getsockname()[1]),
        LAUNCHER: str(os.getpid()),
        "GLOO_SOCKET_IFNAME": os.environ.get("GLOO_SOCKET_IFNAME", _LOOPBACK),
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", str(threads)),
        "TORCH_CPP_LOG_LEVEL": os.environ.get("TORCH_CPP_LOG_LEVEL", "ERROR"),  # stack traces
    }
    handles = (listener.fileno(),) if rank == 0 else ()
    if handles:
        variables[LISTENER] = str(handles[0])
    return subprocess.Popen(
        command,
        env={**os.environ, **variables},
        pass_fds=handles,
        process_group=0,
    )


def _first_to_fail(started: "Sequence[subprocess.Popen[bytes]]") -> int | None:
    """Wait until one fails, and return its number; None once all have succeeded."""
    while True:
        codes = [process.poll() for process in started]
        killed = [rank for rank, code in enumerate(codes) if code is not None and code < 0]
        failed = [rank for rank, code in enumerate(codes) if code]
        if failed:
            return (killed or failed)[0]
        if None not in codes:
            return None
        time.sleep(_POLL)


def _wait(started: "Sequence[subprocess.Popen[bytes]]", seconds: float) -> bool:
    """Wait until all have ended, at most this long; whether they have."""
    end = time.monotonic() + seconds
    while any(process.poll() is None for process in started):
        if time.monotonic() >= end:
            return False
        time.sleep(_POLL)
    return True


def _end(started: "Sequence[subprocess.Popen[bytes]]", number: int, seconds: float) -> None:
    """Send a signal to all that still run, and kill those that do not end in time."""
    for process in started:
        if process.poll() is None:
            process.send_signal(number)
    try:
        _wait(started, seconds)
    finally:
        for process in started:
            if process.poll() is None:
                process.kill()
                process.wait()


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
