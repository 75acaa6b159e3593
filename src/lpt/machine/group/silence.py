"""How long others were not heard, in time in which this process itself ran promptly."""

import threading
import time

__all__ = ["Silence"]

LATE = 1.0
"""Seconds by which a turn may be late and still count."""


class Silence:
    """Seconds since each of several others was heard.

    Only turns that come promptly count: on a machine with too much to do, and after this process
    was stopped itself, all of the others seem silent.

    Args:
        size: number of others.
    """

    def __init__(self, size: int) -> None:
        self._lock = threading.Lock()
        self._seconds = [0.0] * size
        self._turn = time.monotonic()

    def heard(self, number: int) -> None:
        """One of them gave a sign of life."""
        with self._lock:
            self._seconds[number] = 0.0

    def turn(self, every: float) -> list[float]:
        """Count the time since the last turn, unless it is more than a second late.

        Args:
            every: seconds between turns that come in time.
        Returns: seconds of silence of each.
        """
        with self._lock:
            last, self._turn = self._turn, time.monotonic()
            if (passed := self._turn - last) <= every + LATE:
                self._seconds = [seconds + passed for seconds in self._seconds]
            return list(self._seconds)
