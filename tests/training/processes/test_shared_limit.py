"""A budget cuts the same epochs in all processes: process 0 decides."""

from lpt.training.processes.shared_limit import SharedLimit

from ...thread_group import in_threads


class Clock:
    """A clock that would decide otherwise in every process but 0."""

    def __init__(self, main: bool) -> None:
        self.main, self.epochs, self.done = main, 3, 0
        self.short: list[tuple[int, int]] = []
        self.long: list[int] = []

    def shorten(self, epoch, steps):
        self.short.append((epoch, steps))

    def lengthen(self, epochs):
        self.long.append(epochs)

    def lengthened(self):
        if self.main:
            self.lengthen(5)
        return 5 if self.main else None

    def begin(self, epoch):
        if self.main:
            self.shorten(epoch, 0)
        return not self.main

    def over(self, epoch, steps):
        if self.main:
            self.shorten(epoch, steps)
        return self.main

    def end_steps(self, steps):
        self.done += steps


def test_all_processes_follow_the_clock_of_process_0_and_record_what_it_cut():
    def one(group):
        clock = Clock(group.is_main)
        limit = SharedLimit(group, clock)
        decided = [limit.lengthened(), limit.begin(1), limit.over(2, 7)]
        limit.end_steps(4)
        return decided, clock.short, clock.long, clock.done

    expected = ([5, False, True], [(1, 0), (2, 7)], [5], 4)
    assert in_threads(3, one) == [expected] * 3
