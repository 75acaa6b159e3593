"""The queue: bounded, fair, and every request leaves it once."""

import threading
import time
from types import SimpleNamespace

import pytest

from lpt.serving.flow.request import Request, outcome_of
from lpt.serving.flow.request_queue import RequestQueue
from lpt.serving.serving_records import (
    BadImage,
    DeadlineExceeded,
    Draining,
    QueueFull,
    ServingError,
    TaskUnavailable,
    TooLarge,
)
from lpt.serving.serving_settings import NullObserver, ServingSettings


def request(task: str = "a", size: int = 10, deadline_s: float = 60) -> Request:
    ticket = SimpleNamespace(entry=SimpleNamespace(name=task), version=None)
    return Request(ticket, bytes(size), embedding=False, deadline_s=deadline_s)


def opened(**settings) -> RequestQueue:
    return RequestQueue(ServingSettings(**settings), NullObserver())


def add(queue: RequestQueue, *requests: Request) -> None:
    for one in requests:
        queue.add(one)
        one.on_end(lambda ended, _: queue.ended(ended))


def decode(queue: RequestQueue, number: int) -> list[Request]:
    found = [queue.next_to_decode() for _ in range(number)]
    for one in found:
        one.lease = SimpleNamespace(release=lambda: None)
        assert queue.decoded(one)
    return found


def test_a_batch_is_full_or_its_first_image_has_waited():
    queue = opened(max_batch=3, max_wait_ms=50)
    add(queue, *(request() for _ in range(4)))
    decode(queue, 4)
    assert len(queue.next_batch()) == 3
    began = time.monotonic()
    add(queue, request())
    decode(queue, 1)
    assert len(queue.next_batch()) == 2  # the fourth has waited already
    assert time.monotonic() - began < 5
    assert queue.length == 0


def test_a_batch_mixes_tasks_in_turn_however_many_requests_one_of_them_has():
    queue = opened(max_batch=4, max_queue=100)
    add(queue, *(request("a") for _ in range(20)), request("b"), request("c"))
    assert [r.task for r in decode(queue, 6)] == ["a", "b", "c", "a", "a", "a"]
    assert sorted(r.task for r in queue.next_batch()) == ["a", "a", "b", "c"]


def test_places_bytes_and_the_share_of_one_task_are_bounded():
    queue = opened(max_queue=10, max_queue_bytes=100)
    with pytest.raises(QueueFull):
        add(queue, request(size=101))
    add(queue, *(request(size=1) for _ in range(8)))
    with pytest.raises(QueueFull, match="a: 8 of its requests"):
        add(queue, request(size=1))
    add(queue, request("b", size=1), request("c", size=1))
    with pytest.raises(QueueFull, match="10 requests"):
        add(queue, request("d", size=1))
    strict = opened(max_per_task=1)
    add(strict, request())
    with pytest.raises(QueueFull):
        add(strict, request())


def test_cancelled_requests_free_their_place_at_every_stage():
    queue = opened(max_queue=3, max_per_task=3)
    arrived, decoding, ready = request(), request(), request()
    add(queue, ready, decoding, arrived)
    decode(queue, 1)
    assert queue.next_to_decode() is decoding
    for one in (arrived, decoding, ready):
        assert one.future.cancel()
    assert queue.length == 0
    assert not queue.decoded(decoding)
    assert arrived.image is None
    add(queue, request("b"))
    (last,) = decode(queue, 1)
    assert queue.next_batch() == [last]
    assert not last.future.cancel()


def test_decoding_is_two_batches_ahead_at_most():
    queue = opened(max_batch=2, decode_threads=1, max_queue=100)
    add(queue, *(request() for _ in range(20)))
    decode(queue, 5)
    found: list[Request | None] = []
    thread = threading.Thread(target=lambda: found.append(queue.next_to_decode()))
    thread.start()
    thread.join(0.1)
    assert thread.is_alive()
    queue.next_batch()
    thread.join(60)
    assert found[0] is not None


def test_a_deadline_that_passes_wakes_the_clock_even_if_it_came_last():
    queue = opened()
    found: list[list[Request] | None] = []
    clock = threading.Thread(target=lambda: found.append(queue.overdue()))
    clock.start()
    late = request(deadline_s=0.1)
    add(queue, request(deadline_s=60), late)
    clock.join(30)
    assert found == [[late]]


def test_an_ending_counts_once():
    one = request()
    outcomes = []
    one.on_end(lambda _, outcome: outcomes.append(outcome))
    one.fail(DeadlineExceeded("late"))
    one.fail(ServingError("later"))
    one.answer(None)
    assert not one.start()
    assert not one.future.cancel()
    assert outcomes == ["deadline"]


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (TooLarge("x"), "too_large"),
        (BadImage("x"), "bad_image"),
        (DeadlineExceeded("x"), "deadline"),
        (Draining("x"), "draining"),
        (TaskUnavailable("x"), "unavailable"),
        (ValueError("x"), "error"),
    ],
)
def test_outcomes_have_names(error, outcome):
    one = request()
    one.fail(error)
    assert outcome_of(one.future) == outcome


def test_a_queue_that_drains_takes_nothing_and_waits_for_the_rest():
    queue = opened()
    one = request()
    add(queue, one)
    assert not queue.drain(0.01)
    with pytest.raises(Draining):
        add(queue, request())
    assert queue.unfinished() == [one]
    one.answer(None)
    assert queue.drain(0.01)


def test_closing_ends_all_that_wait():
    queue = opened()
    found = []
    calls = (queue.next_to_decode, queue.next_batch, queue.overdue)
    threads = [threading.Thread(target=lambda c=call: found.append(c())) for call in calls]
    for thread in threads:
        thread.start()
    assert queue.close() == []
    for thread in threads:
        thread.join(30)
    assert found == [None, None, None]
