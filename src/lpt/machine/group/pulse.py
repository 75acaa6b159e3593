"""The pulse of every process: who failed, and who no longer answers.

Each process counts up its own entry of a table that process 0 (or the launcher) keeps, and reads
those of the others. An entry that does not change for `LOST_AFTER` seconds belongs to a process
that was killed, stopped, or whose machine is gone. Only time in which this process runs promptly
counts: on a machine with too much to do, all of them are slow. A process that fails writes its
message there.
"""

import json
import os
import threading
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from lpt.machine.group.silence import Silence

__all__ = ["EVERY", "LOST_AFTER", "Lost", "Pulse"]

LOST_AFTER = 30.0
"""Seconds without a pulse."""
EVERY = 2.0
"""Seconds between two entries of a process."""
_ANSWER = timedelta(seconds=20)


@dataclass(frozen=True)
class Lost:
    """A process that failed or no longer answers.

    Attributes:
        rank: its number.
        prints: whether it prints an error of its own.
        text: its message, or what is known.
    """

    rank: int
    prints: bool
    text: str


class Pulse:
    """A thread that shows that this process lives, and watches the others.

    Args:
        store: a `torch.distributed` store for this thread alone.
        rank, size: place of this process.
        launcher: id of the process that started this one; if it ends, this process is on its own.

    Attributes:
        lost: the first process that was found to be lost; None while all live.
        work: number of exchanges that this process has begun; those of the others are in `works`.
    """

    def __init__(self, store: Any, rank: int, size: int, launcher: int | None = None) -> None:
        self.rank, self.size, self.work = rank, size, 0
        self.works = [0] * size
        self.lost: Lost | None = None
        self._store, self._launcher = store, launcher
        self._stopped = threading.Event()
        self._beats = 0
        self._failed: list[Lost | None] = [None] * size
        self._values = [""] * size
        self._silence = Silence(size)
        self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)
        self._write()

    def start(self) -> None:
        """Start watching, once all processes have written their first entry."""
        self._thread.start()

    def stop(self) -> None:
        """Stop watching."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def fail(self, text: str, *, prints: bool) -> None:
        """Stop, and let the others know why this process ends, and whether it prints that."""
        self.stop()
        try:
            self._write(Lost(self.rank, prints, text))
        except Exception:  # process 0 is gone, and the store with it
            return

    def failure_of(self, rank: int, seconds: float) -> Lost | None:
        """Wait up to `seconds` for a process to fail, too; None if it does not."""
        end = time.monotonic() + seconds
        while self._look() and self._failed[rank] is None and time.monotonic() < end:
            time.sleep(0.1)
        return self._failed[rank]

    def all_failed(self, seconds: float) -> None:
        """Wait up to `seconds` until every other process that lives has ended, too."""
        end = time.monotonic() + seconds
        gone = {self.rank} if self.lost is None else {self.rank, self.lost.rank}
        while time.monotonic() < end and self._look():
            others = [one for rank, one in enumerate(self._failed) if rank not in gone]
            if None not in others:
                return
            time.sleep(0.2)

    def _run(self) -> None:
        self._silence.turn(EVERY)
        while not self._stopped.wait(EVERY):
            if not (self._shown() and self._look()):
                self._lose(Lost(0, False, "was killed or no longer answers"))
                return
            if self._launcher is not None and os.getppid() != self._launcher:
                self._lose(Lost(self.rank, False, "was left by the process that started it"))
            for rank, failed in enumerate(self._failed):
                if failed is not None and rank != self.rank:
                    self._lose(failed)
            for rank, seconds in enumerate(self._silence.turn(EVERY)):
                if rank != self.rank and seconds > LOST_AFTER:
                    self._lose(Lost(rank, False, "was killed or no longer answers"))

    def _shown(self) -> bool:
        try:
            self._write()
        except Exception:
            return False
        return True

    def _lose(self, lost: Lost) -> None:
        if self.lost is None:
            self.lost = lost

    def _write(self, failure: Lost | None = None) -> None:
        self._beats += 1
        why = None if failure is None else [failure.prints, failure.text]
        self._store.set(f"pulse/{self.rank}", json.dumps([self._beats, self.work, why]))

    def _look(self) -> bool:
        """Read all entries; False if that is no longer possible."""
        try:
            self._store.set_timeout(_ANSWER)
            found = self._store.multi_get([f"pulse/{rank}" for rank in range(self.size)])
        except Exception:
            return False
        for rank, data in enumerate(found):
            value = data.decode()
            if value != self._values[rank]:
                self._values[rank] = value
                self._silence.heard(rank)
                _, self.works[rank], why = json.loads(value)
                self._failed[rank] = None if why is None else Lost(rank, *why)
        return True
