"""The processes that predict for one that writes: started, fed, and replaced by each other."""

import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, Self

from lpt.cli.predictions.given_images import GivenImage
from lpt.cli.predictions.row_piece import RowPiece
from lpt.cli.predictions.shared.channel import Channel
from lpt.cli.predictions.shared.prediction_worker import NUMBER, SOCKET
from lpt.errors import LptError
from lpt.machine.group.pulse import EVERY, LOST_AFTER
from lpt.machine.group.silence import Silence

__all__ = ["WorkerPool"]

AHEAD = 2
"""Pieces that each process has: one that it computes, and one that waits."""
_KEPT = 4
"""Pieces per process that may be ahead of the one that is written next."""
_END = 3.0
"""Seconds that processes have to end."""


class _Event(NamedTuple):
    worker: int
    message: dict[str, Any] | None
    content: bytes


class WorkerPool:
    """Processes that predict. A context manager, which ends them.

    A process that is killed is not replaced; the others compute its images. So do they if a process
    is stopped: one that was heard once and gives no sign of life for `pulse.LOST_AFTER` seconds is
    killed. A process that computes does give signs.

    Args:
        size: number of processes.
        arguments: of the command line, after `lpt`.
        say: receives a line if a process was killed.
        program: what takes the arguments.
    """

    def __init__(
        self,
        size: int,
        arguments: Sequence[str],
        say: Callable[[str], None] = lambda _: None,
        program: Sequence[str] = (sys.executable, "-m", "lpt"),
    ) -> None:
        self._say, self._size = say, size
        self._processes: list[subprocess.Popen[bytes]] = []
        self._channels: list[Channel] = []
        self._events: queue.Queue[_Event] = queue.Queue()
        self._outgoing: list[queue.SimpleQueue[dict[str, Any] | None]] = []
        self._silence, self._heard = Silence(size), set[int]()
        self._given_up: dict[int, float] = {}
        self._work: list[deque[int]] = [deque() for _ in range(size)]
        self._ready: set[int] = set()
        self._first_facts: dict[str, Any] = {}
        try:
            for number in range(size):
                self._start(number, [*program, *arguments])
        except BaseException:
            self._end()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._end()

    @property
    def pids(self) -> list[int]:
        """Ids of the processes."""
        return [process.pid for process in self._processes]

    def facts(self) -> dict[str, Any]:
        """Wait for the first process that is ready, and return what it says about the file.

        Raises: LptError that a process reports.
        """
        while True:
            event = self._next()
            if event is not None and event.message is not None and "facts" in event.message:
                self._first_facts = dict(event.message["facts"])
                return self._first_facts

    def pieces(self, chunks: Iterable[Sequence[GivenImage]]) -> Iterator[RowPiece]:
        """Yield the rows of each chunk of images, in order.

        Raises: LptError that a process reports, or if all of them were killed.
        """
        coming = enumerate(chunks)
        open_: dict[int, Sequence[GivenImage]] = {}
        done: dict[int, RowPiece] = {}
        again: deque[int] = deque()
        written, is_over = 0, False
        while True:
            for worker in sorted(self._ready, key=lambda one: len(self._work[one])):
                while len(self._work[worker]) < AHEAD:
                    if again:
                        number = again.popleft()
                    else:
                        if is_over or len(open_) + len(done) >= _KEPT * self._size:
                            break
                        found = next(coming, None)
                        if found is None:
                            is_over = True
                            break
                        number, images = found
                        open_[number] = images
                    self._send(worker, number, open_[number])
            if is_over and not open_:
                return
            event = self._next()
            if event is None:
                continue
            if event.message is None:
                again.extend(self._work[event.worker])
                self._work[event.worker].clear()
                continue
            if "facts" in event.message:
                self._check(event.worker, event.message["facts"])
                continue
            number = event.message["number"]
            self._work[event.worker].remove(number)
            images = open_.pop(number)
            done[number] = RowPiece(
                [str(image.path) for image in images],
                event.content,
                event.message["bad"],
                [(path, label) for path, label in event.message["labels"]],
            )
            while written in done:
                yield done.pop(written)
                written += 1

    def _next(self) -> _Event | None:
        """Wait for the next event; one without a message is the end of a process.

        Raises: LptError if it ends the command.
        """
        event = self._received()
        if event.message is None:
            self._ready.discard(event.worker)
            self._heard.discard(event.worker)
            self._lose(event.worker)
        elif "error" in event.message:
            raise LptError(*event.message["error"])
        elif "facts" in event.message:
            self._ready.add(event.worker)
        return event

    def _received(self) -> _Event:
        """Wait for the next event, and give up processes that are silent for too long."""
        while True:
            event = None
            with suppress(queue.Empty):
                event = self._events.get(timeout=EVERY)
            for worker, seconds in enumerate(self._silence.turn(EVERY)):
                if seconds > LOST_AFTER and worker in self._heard.difference(self._given_up):
                    self._given_up[worker] = seconds
                    self._processes[worker].kill()
                    self._channels[worker].close()  # its reader puts the event
            if event is not None:
                return event

    def _lose(self, worker: int) -> None:
        code = _ended(self._processes[worker], _END)
        name = f"process {worker} of 0 to {self._size - 1}"
        silent = self._given_up.get(worker)
        if silent is None and code >= 0:
            raise LptError(f"{name} ended (exit code {code}). Its error is above.")
        left = sum(process.poll() is None for process in self._processes)
        how = f"{name} was killed ({_signal(-code)})"
        if silent is not None:
            how = f"{name} gave no sign of life for {silent:.0f} s and was killed"
        if not left:
            raise LptError(
                f"{how}, and so were the others. Repeat the command to continue; if memory ran "
                "out, with fewer `processes`."
            )
        self._say(f"note      {how}; {left} of them left")

    def _check(self, worker: int, facts: dict[str, Any]) -> None:
        if facts != self._first_facts:
            raise LptError(
                f"process {worker} of 0 to {self._size - 1} has loaded another task than the "
                "others. Repeat the command."
            )

    def _send(self, worker: int, number: int, images: Sequence[GivenImage]) -> None:
        self._work[worker].append(number)
        message = {"number": number, "images": [_text(image) for image in images]}
        self._outgoing[worker].put(message)

    def _start(self, number: int, command: Sequence[str]) -> None:
        ours, theirs = socket.socketpair()
        threads = max(1, (os.cpu_count() or 1) // self._size)
        with theirs:
            process = subprocess.Popen(
                command,
                env={
                    **os.environ,
                    SOCKET: str(theirs.fileno()),
                    NUMBER: str(number),
                    "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", str(threads)),
                },
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                process_group=0,  # Ctrl-C reaches the process that writes alone
            )
        self._processes.append(process)
        self._channels.append(Channel(ours))
        self._outgoing.append(queue.SimpleQueue())
        for work in (self._read, self._write):
            threading.Thread(target=work, args=(number,), daemon=True).start()

    def _read(self, worker: int) -> None:
        channel = self._channels[worker]
        while (received := channel.receive()) is not None:
            self._silence.heard(worker)
            self._heard.add(worker)
            if "lives" not in received[0]:
                self._events.put(_Event(worker, *received))
        self._events.put(_Event(worker, None, b""))

    def _write(self, worker: int) -> None:
        """Send what there is: a process that computes or is stopped reads nothing meanwhile."""
        with suppress(OSError):  # it was killed; its reader notices
            while (message := self._outgoing[worker].get()) is not None:
                self._channels[worker].send(message)

    def _end(self) -> None:
        for channel, outgoing in zip(self._channels, self._outgoing, strict=True):
            channel.close()
            outgoing.put(None)
        for process in self._processes:
            if process.poll() is None:
                process.terminate()
        end = time.monotonic() + _END
        for process in self._processes:
            _ended(process, max(0.0, end - time.monotonic()))


def _text(image: GivenImage) -> tuple[str, list[str] | None]:
    return str(image.path), None if image.error is None else str(image.error).splitlines()


def _ended(process: subprocess.Popen[bytes], seconds: float) -> int:
    """Kill a process that does not end, and return its exit code."""
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
    with suppress(subprocess.TimeoutExpired):
        return process.wait(_END)
    return -signal.SIGKILL  # it waits for a disk or a driver, and dies after that


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
