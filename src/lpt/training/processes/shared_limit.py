"""The clock of a budget for several processes: process 0 decides, all follow."""

from lpt.machine.group.process_group import ProcessGroup
from lpt.training.deadline import StageClock

__all__ = ["SharedLimit"]


class SharedLimit:
    """A `Limit` whose decisions are those of the clock of process 0.

    Args:
        group: the processes.
        clock: of this process; those of other processes only record what was decided.
    """

    def __init__(self, group: ProcessGroup, clock: StageClock) -> None:
        self.group, self.clock = group, clock

    def lengthened(self) -> int | None:
        """After the first epoch: the number of epochs if it becomes larger, else None."""
        epochs: int | None = self.group.decided(self.clock.lengthened)
        if epochs is not None and not self.group.is_main and self.clock.lengthen is not None:
            self.clock.epochs = epochs
            self.clock.lengthen(epochs)
        return epochs

    def begin(self, epoch: int) -> bool:
        """Begin an epoch; False leaves it out."""
        begins: bool = self.group.decided(lambda: self.clock.begin(epoch))
        if not begins and not self.group.is_main:
            self.clock.shorten(epoch, 0)
        return begins

    def over(self, epoch: int, steps: int) -> bool:
        """Whether an epoch ends now, after this number of steps."""
        ends: bool = self.group.decided(lambda: self.clock.over(epoch, steps))
        if ends and not self.group.is_main:
            self.clock.shorten(epoch, steps)
        return ends

    def end_steps(self, steps: int) -> None:
        """Note that this number of steps of an epoch is done, before validation."""
        self.clock.end_steps(steps)
