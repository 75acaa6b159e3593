"""The end of a time budget, and the clock by which a phase ends in time.

A budget is planned from a short measurement (`lpt.training.budget`), but a machine may become
slower afterwards. So the clock is watched while a phase trains: an epoch that takes longer than its
share ends early, and one that would start too late is left out. If the first epoch of a phase was
faster than planned, epochs that the plan had cut are put back. All of this goes into the
configuration (`epochs` and `short_epochs` of the phase), so that the run can be resumed and
repeated.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

__all__ = ["Deadline", "StageClock"]

Clock = Callable[[], float]

TRAINED_UNTIL = 0.98
"""Fraction of a budget after which nothing but small files is left to write."""

LARGEST_SLOWDOWN = 10.0
SMALLEST_SPEEDUP = 0.5
"""A fast first epoch makes later phases at most twice as fast as estimated."""


@dataclass(frozen=True)
class Deadline:
    """A time budget and its start.

    Attributes:
        seconds: the budget.
        began: when it began, by `clock`.
        clock: a monotonic clock in seconds.
    """

    seconds: float
    began: float
    clock: Clock = time.monotonic

    @property
    def spent(self) -> float:
        """Seconds since the budget began."""
        return self.clock() - self.began

    @property
    def end(self) -> float:
        """When everything slow must be over, by `clock`."""
        return self.began + TRAINED_UNTIL * self.seconds


@dataclass
class StageClock:
    """Ends the epochs of a phase so that the run keeps its deadline.

    Attributes:
        deadline: of the run.
        epochs: epochs of the phase.
        after: estimated seconds of all that follows and cannot be cut. If steps take longer than
            estimated, so will this.
        step, epoch: estimated seconds of a step, and of an epoch with its validation.
        shorten: records that an epoch has only this number of steps.
        later: estimated seconds of the epochs of later phases, which share the time left with
            those of this phase.
        slowdown: at first, how much slower than estimated earlier phases were; 1 or more.
        most: epochs that the phase may have if there is time; no more than `epochs` leaves it as it
            is.
        lengthen: records that the phase has more epochs.
    """

    deadline: Deadline
    epochs: int
    after: float
    step: float
    epoch: float
    shorten: Callable[[int, int], None]
    later: float = 0.0
    slowdown: float = 1.0
    most: int = 0
    lengthen: Callable[[int], None] | None = None
    _until: float = field(default=0.0, init=False)
    _started: float = field(default=0.0, init=False)
    _steps: int = field(default=0, init=False)
    _training: float = field(default=0.0, init=False)
    _last: float | None = field(default=None, init=False)
    _ended_early: bool = field(default=False, init=False)

    def lengthened(self) -> int | None:
        """Put epochs back that the plan has cut, if the first epoch leaves time for them.

        To be called once, after the first epoch with its validation. Later phases keep their share
        of the time left, at the speed seen now.

        Returns: the new number of epochs; None if it stays.
        """
        now = self.deadline.clock()
        if self.lengthen is None or self._last is None or self._ended_early:
            return None
        epoch = now - self._started
        speed = min(max(epoch / self.epoch, SMALLEST_SPEEDUP), LARGEST_SLOWDOWN)
        left = self.deadline.end - max(1.0, speed) * self.after - now
        wanted = epoch * (self.epochs - 1) + speed * self.later
        epochs = min(self.most, 1 + int((self.epochs - 1) * left / max(wanted, 1e-9)))
        if epochs <= self.epochs:
            return None
        self.epochs, self.epoch = epochs, epoch
        self.lengthen(epochs)
        return epochs

    def begin(self, epoch: int) -> bool:
        """Give an epoch its share of the time left.

        Returns: whether it is trained at all. The first always is.
        """
        now = self.deadline.clock()
        validation = 0.0 if self._last is None else now - self._last
        if self._steps and self.step > 0:
            measured = self._training / self._steps / self.step
            self.slowdown = min(max(1.0, measured), LARGEST_SLOWDOWN)
        left = self.deadline.end - self.slowdown * self.after - now
        wanted = self.epoch * (self.epochs - epoch) + self.later
        self._until = now + left * self.epoch / wanted - validation
        self._started, self._last = now, now
        if epoch and self._until <= now:
            self.shorten(epoch, 0)
            self._last = None
            return False
        return True

    def over(self, epoch: int, steps: int) -> bool:
        """Whether an epoch ends now, after this number of steps, before all of them are done."""
        if self.deadline.clock() < self._until:
            return False
        self.shorten(epoch, steps)
        self._ended_early = True
        return True

    def end_steps(self, steps: int) -> None:
        """Note that the steps of an epoch are done, in this process this many of them."""
        self._last = self.deadline.clock()
        self._steps += steps
        self._training += self._last - self._started
