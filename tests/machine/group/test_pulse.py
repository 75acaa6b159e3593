"""Who failed, and who no longer answers, is seen in a table that all processes read."""

import os
import time
from datetime import timedelta

import pytest
import torch.distributed as dist

from lpt.machine.group import pulse
from lpt.machine.group.pulse import Lost, Pulse


@pytest.fixture(autouse=True)
def fast(monkeypatch):
    monkeypatch.setattr(pulse, "EVERY", 0.05)
    monkeypatch.setattr(pulse, "LOST_AFTER", 0.6)


@pytest.fixture
def store():
    return dist.TCPStore("127.0.0.1", 0, 1, is_master=True, timeout=timedelta(seconds=5))


@pytest.fixture
def pulses(store):
    made = [Pulse(store.clone(), rank, 3) for rank in range(3)]
    for one in made:
        one.start()
    yield made
    for one in made:
        one.stop()


def lost(one: Pulse, seconds: float = 10.0) -> Lost | None:
    end = time.monotonic() + seconds
    while one.lost is None and time.monotonic() < end:
        time.sleep(0.02)
    return one.lost


def test_nobody_is_lost_while_all_live(pulses):
    time.sleep(1.0)
    assert [one.lost for one in pulses] == [None] * 3


def test_a_process_without_a_pulse_is_named_by_all_others(pulses):
    pulses[2].stop()
    for one in pulses[:2]:
        assert lost(one) == Lost(2, False, "was killed or no longer answers")


def test_a_process_that_fails_says_why(pulses):
    pulses[1].fail("photo.jpg: damaged", prints=True)
    assert lost(pulses[0]) == Lost(1, True, "photo.jpg: damaged")
    assert pulses[0].failure_of(1, 0.0) == Lost(1, True, "photo.jpg: damaged")
    assert pulses[0].failure_of(2, 0.0) is None


def test_the_process_that_keeps_the_table_waits_until_others_have_read_it(pulses):
    pulses[1].fail("first", prints=True)
    began = time.monotonic()
    pulses[0].all_failed(0.5)
    assert time.monotonic() - began >= 0.5
    pulses[2].fail("second", prints=False)
    pulses[0].all_failed(30.0)
    assert time.monotonic() - began < 20


def test_the_exchanges_of_all_processes_are_known(pulses):
    pulses[2].work = 7
    end = time.monotonic() + 5
    while pulses[0].works[2] != 7 and time.monotonic() < end:
        time.sleep(0.02)
    assert pulses[0].works[2] == 7


def test_a_process_whose_launcher_is_gone_ends(store):
    one = Pulse(store.clone(), 0, 1, launcher=os.getppid() + 1)
    one.start()
    assert lost(one) == Lost(0, False, "was left by the process that started it")
    one.stop()
