"""An epoch ends when its share of the time is over, by a clock that the tests turn."""

from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpt.training.deadline import LARGEST_SLOWDOWN, TRAINED_UNTIL, Deadline, StageClock


class Clock:
    """A clock that only moves when it is told to."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Training:
    """Epochs of steps that take a time, ended by a clock: the loop without the learning."""

    def __init__(
        self,
        budget: float,
        *,
        epochs: int,
        steps: int,
        after: float = 0.0,
        later: float = 0.0,
        most: int = 0,
    ) -> None:
        self.time = Clock()
        self.short: list[tuple[int, int]] = []
        self.longer: list[int] = []
        self.epochs, self.steps = epochs, steps
        self.deadline = Deadline(budget, self.time.now, self.time)
        self.clock = StageClock(
            self.deadline,
            epochs,
            after=after,
            step=1.0,
            epoch=float(steps),
            later=later,
            shorten=lambda epoch, done: self.short.append((epoch, done)),
            most=most,
            lengthen=self.longer.append,
        )

    def run(self, step: float, validation: float = 0.0) -> None:
        for epoch in count():
            if epoch == 1:
                self.epochs = self.clock.lengthened() or self.epochs
            if epoch >= self.epochs:
                break
            if not self.clock.begin(epoch):
                continue
            for done in range(1, self.steps + 1):
                self.time.now += step
                if done < self.steps and self.clock.over(epoch, done):
                    break
            self.clock.end_steps(done)
            self.time.now += validation


def test_a_run_that_is_in_time_is_not_cut():
    training = Training(50 / TRAINED_UNTIL, epochs=5, steps=8, after=5.0)
    training.run(step=1.0, validation=1.0)
    assert training.short == []


def test_time_that_an_early_epoch_saves_goes_to_later_ones():
    training = Training(40 / TRAINED_UNTIL, epochs=4, steps=8)
    training.run(step=0.5)
    assert training.clock.begin(3)
    training.time.now += 20
    assert not training.clock.over(3, 4)


@given(
    slowdown=st.floats(1.0, 9.0),
    epochs=st.integers(4, 30),
    steps=st.integers(10, 60),
    validation=st.floats(0, 5),
    after=st.floats(0, 0.3),
)
def test_a_machine_that_becomes_slower_still_ends_in_time(
    slowdown, epochs, steps, validation, after
):
    planned = epochs * (steps + validation)
    budget = 1.05 * planned / (1 - after)
    training = Training(budget, epochs=epochs, steps=steps, after=after * budget)
    training.run(step=slowdown, validation=slowdown * validation)
    later = slowdown * after * budget
    # A step and a validation may run over; and later work is only known to be slow after an epoch.
    tolerance = slowdown * (1 + validation) + later / epochs
    assert training.deadline.spent + later <= 1.1 * budget + tolerance + max(0.0, later - budget)


def test_later_work_that_will_be_slower_too_takes_time_from_training():
    training = Training(100.0, epochs=10, steps=6, after=30.0)
    training.run(step=2.0)
    assert training.clock.slowdown == pytest.approx(2.0)
    assert training.deadline.spent == pytest.approx(98.0 - 2 * 30.0, abs=8.0)


def test_epochs_of_later_phases_share_the_loss_of_a_slower_machine():
    training = Training(200 / TRAINED_UNTIL, epochs=10, steps=10, later=100.0)
    training.run(step=2.0)
    assert training.deadline.spent == pytest.approx(100.0, rel=0.05)
    done = 100 - sum(10 - steps for _, steps in training.short)
    assert done == pytest.approx(50, abs=3)


def test_epochs_that_would_begin_too_late_are_left_out_but_never_the_first():
    training = Training(1.0, epochs=3, steps=4)
    training.run(step=5.0)
    assert training.short == [(0, 1), (1, 0), (2, 0)]


def test_a_slowdown_is_bounded():
    training = Training(100.0, epochs=3, steps=4)
    training.run(step=1e6)
    assert training.clock.slowdown <= LARGEST_SLOWDOWN


def test_what_an_earlier_phase_has_seen_counts_from_the_first_epoch_on():
    deadline = Deadline(100.0, 0.0, Clock(0.0))
    clock = StageClock(
        deadline, 1, after=20.0, step=1.0, epoch=1.0, shorten=lambda *_: None, slowdown=3.0
    )
    clock.begin(0)
    deadline.clock.now = 98.0 - 3 * 20.0
    assert clock.over(0, 1)


def test_a_faster_machine_gets_epochs_back_and_still_ends_at_the_deadline():
    training = Training(100.0, epochs=8, steps=10, after=10.0, most=30)
    training.run(step=0.5, validation=0.1)
    assert training.longer == [training.epochs]
    assert 8 < training.epochs <= 30
    assert training.short == []
    assert 90.0 - 6.0 <= training.deadline.spent <= 90.0


def test_no_more_epochs_are_given_back_than_were_asked_for():
    training = Training(100.0, epochs=8, steps=10, most=9)
    training.run(step=0.5)
    assert training.epochs == 9


def test_later_phases_keep_their_share_of_the_time_that_was_saved():
    training = Training(200.0, epochs=8, steps=10, later=80.0, most=30)
    training.run(step=0.5)
    half = 5.0 + 0.5 * (196.0 - 5.0) * (35 / 37.5)  # 35 s of epochs here and 40 s later
    assert half - 5.0 <= training.deadline.spent <= half


@pytest.mark.parametrize(("step", "most"), [(1.0, 30), (2.0, 30), (0.5, 0)])
def test_nothing_is_given_back_on_a_machine_as_slow_as_planned_or_if_all_was_planned(step, most):
    training = Training(85.0, epochs=8, steps=10, most=most)
    training.run(step=step)
    assert training.longer == []
    assert training.epochs == 8
