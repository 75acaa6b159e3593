"""Clocks of the training loop: one measures a stage, the other ends its epochs early."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

__all__ = ["Limit", "WallClock"]


class Limit(Protocol):
    """A clock that ends epochs early, or adds some (`lpt.training.deadline.StageClock`)."""

    def lengthened(self) -> int | None:
        """After the first epoch: the number of epochs if it becomes larger, else None."""
        ...

    def begin(self, epoch: int) -> bool:
        """Begin an epoch; False leaves it out."""
        ...

    def over(self, epoch: int, steps: int) -> bool:
        """Whether an epoch ends now, after this number of steps."""
        ...

    def end_steps(self, steps: int) -> None:
        """Note that this number of steps of an epoch is done, before validation."""


class WallClock:
    """Wall-clock times of a stage: in total, in this epoch, and since the last checkpoint.

    The total includes earlier processes; `waited` is the time of this epoch spent on loading.
    """

    def __init__(self, before: float) -> None:
        self.start = self.epoch_start = self.last_save = time.monotonic()
        self.before = before
        self.waited = 0.0

    def total(self) -> float:
        """Return the seconds of the stage, those of earlier processes included."""
        return self.before + time.monotonic() - self.start

    def epoch(self) -> None:
        """Begin an epoch."""
        self.epoch_start = time.monotonic()
        self.waited = 0.0

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count the time inside as waiting for images."""
        began = time.monotonic()
        yield
        self.waited += time.monotonic() - began

    def in_epoch(self) -> float:
        """Return the seconds of this epoch, above 0."""
        return max(time.monotonic() - self.epoch_start, 1e-9)

    def saved(self) -> None:
        """Note that a checkpoint was saved."""
        self.last_save = time.monotonic()

    def due(self, seconds: float) -> bool:
        """Whether the last checkpoint is this old."""
        return time.monotonic() - self.last_save >= seconds
