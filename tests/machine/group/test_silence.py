"""Silence grows with time, except where this process was late itself."""

import pytest

from lpt.machine.group import silence
from lpt.machine.group.silence import Silence


@pytest.fixture
def clock(monkeypatch):
    """A clock that a test turns; reading it takes no time."""

    class Clock:
        now = 100.0

    monkeypatch.setattr(silence.time, "monotonic", lambda: Clock.now)
    return Clock


def test_seconds_grow_from_turn_to_turn_until_a_sign_of_life(clock):
    one = Silence(2)
    clock.now += 2.0
    assert one.turn(2.0) == [2.0, 2.0]
    one.heard(1)
    clock.now += 2.5
    assert one.turn(2.0) == [4.5, 2.5]


def test_a_turn_that_comes_late_does_not_count(clock):
    one = Silence(1)
    clock.now += 600.0  # this process was stopped
    assert one.turn(2.0) == [0.0]
    clock.now += 3.0
    assert one.turn(2.0) == [3.0]
