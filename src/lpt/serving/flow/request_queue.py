"""The bounded queue between callers, decoding threads and the batcher.

    add -> arrived -> next_to_decode -> decoding -> put_ready -> ready -> next_batch -> running

Both lines serve their tasks in turn, so a task with many requests delays those of the others by one
image each, and it cannot take all places of the queue. A request that ends early, cancelled or too
late, leaves its place at once.
"""

import threading
import time
from collections import Counter

from lpt.serving.flow.fair_queue import FairQueue
from lpt.serving.flow.request import Request
from lpt.serving.serving_records import Draining, QueueFull
from lpt.serving.serving_settings import Observer, ServingSettings

__all__ = ["RequestQueue"]

_GREED = 4
"""A task may wait with at most this many requests for each free place: 4/5 of an idle queue."""


class RequestQueue:
    """Requests that wait, in two lines; safe to use from several threads.

    Args:
        settings: limits.
        observer: receives the length.
    """

    def __init__(self, settings: ServingSettings, observer: Observer) -> None:
        self._settings, self._observer = settings, observer
        lock = threading.Lock()
        self._lock = lock
        self._to_decode, self._to_run = threading.Condition(lock), threading.Condition(lock)
        self._to_expire, self._idle = threading.Condition(lock), threading.Condition(lock)
        self._arrived: FairQueue[Request] = FairQueue()
        self._ready: FairQueue[Request] = FairQueue()
        self._ready_since = 0.0
        self._decoding = 0
        self._waiting: Counter[str] = Counter()
        self._length = self._bytes = 0
        self._live: set[Request] = set()
        self._wake = float("inf")
        self._draining = self._closed = False
        self._seconds_per_image = 0.0
        self._ahead = 2 * settings.max_batch + settings.decode_threads

    @property
    def length(self) -> int:
        """Requests that wait."""
        return self._length

    def add(self, request: Request) -> None:
        """Accept a request. Raises: QueueFull, Draining."""
        settings = self._settings
        with self._lock:
            if self._draining:
                raise Draining("The server is shutting down. Send the request to another one.")
            free, own = settings.max_queue - self._length, self._waiting[request.task]
            most = _GREED * free if settings.max_per_task is None else settings.max_per_task
            if free <= 0 or self._bytes + request.size > settings.max_queue_bytes:
                raise QueueFull(f"{self._length} requests wait already.", self._retry_after())
            if own >= most:
                raise QueueFull(
                    f"{request.task}: {own} of its requests wait already.", self._retry_after()
                )
            request.stage = "arrived"
            self._live.add(request)
            self._arrived.add(request.task, request)
            self._waiting[request.task] += 1
            self._length += 1
            self._bytes += request.size
            length = self._length
            self._to_decode.notify()
            if request.deadline < self._wake:
                self._to_expire.notify()
        self._observer.queue(length)

    def next_to_decode(self) -> Request | None:
        """Wait for a request that is to be decoded; None once the queue is closed.

        Decoding is at most two batches ahead, so that most of the queue waits in encoded form.
        """
        with self._lock:
            self._to_decode.wait_for(
                lambda: (
                    self._closed
                    or (len(self._arrived) and len(self._ready) + self._decoding < self._ahead)
                )
            )
            if self._closed:
                return None
            request = self._arrived.pop()
            request.stage = "decoding"
            self._decoding += 1
            return request

    def decoded(self, request: Request) -> bool:
        """Put a request in the line for the next batch. Returns: False if it has ended."""
        with self._lock:
            self._decoding -= 1
            self._to_decode.notify()
            if request.stage == "ended" or request.lease is None:
                return False
            request.stage = "ready"
            if not len(self._ready):
                self._ready_since = time.monotonic()
            self._ready.add(request.task, request)
            if len(self._ready) in (1, self._settings.max_batch):
                self._to_run.notify()
            return True

    def next_batch(self) -> list[Request] | None:
        """Wait for requests to compute together; None once the queue is closed.

        A batch starts when it is full, or when its first image has waited for `max_wait_ms`.
        Requests in it can no longer be cancelled. It may be empty.
        """
        most, wait = self._settings.max_batch, self._settings.max_wait_ms / 1000
        with self._lock:
            self._to_run.wait_for(lambda: self._closed or len(self._ready))
            until = self._ready_since + wait
            while not self._closed and len(self._ready) < most:
                left = until - time.monotonic()
                if left <= 0 or not self._to_run.wait(left):
                    break
            if self._closed:
                return None
            batch: list[Request] = []
            while len(self._ready) and len(batch) < most:
                request = self._ready.pop()
                if request.start():
                    request.stage = "running"
                    self._leave(request)
                    batch.append(request)
            self._to_decode.notify_all()
            length = self._length
        self._observer.queue(length)
        return batch

    def ended(self, request: Request) -> None:
        """Take a request that has ended from wherever it is."""
        with self._lock:
            before, request.stage = request.stage, "ended"
            if before == "arrived":
                self._arrived.remove(request.task, request)
            elif before == "ready":
                self._ready.remove(request.task, request)
            if before in ("arrived", "decoding", "ready"):
                self._leave(request)
            self._live.discard(request)
            if not self._live:
                self._idle.notify_all()
            length = self._length
        if before in ("arrived", "ready"):  # else the thread that works on it lets go of it
            request.release()
        self._observer.queue(length)

    def computed(self, images: int, seconds: float) -> None:
        """Note how long a batch took, to estimate when there will be room."""
        one = seconds / images
        with self._lock:
            past = self._seconds_per_image or one
            self._seconds_per_image = 0.8 * past + 0.2 * one

    def overdue(self) -> list[Request] | None:
        """Wait until deadlines pass. Returns: the requests that missed theirs; None once closed."""
        with self._lock:
            while not self._closed:
                now = time.monotonic()
                late = [request for request in self._live if request.deadline <= now]
                if late:
                    return late
                self._wake = min((r.deadline for r in self._live), default=float("inf"))
                self._to_expire.wait(None if self._wake == float("inf") else self._wake - now)
        return None

    def drain(self, grace_s: float) -> bool:
        """Accept nothing more, and wait for what was accepted. Returns: whether all has ended."""
        with self._lock:
            self._draining = True
            return self._idle.wait_for(lambda: not self._live, grace_s)

    def unfinished(self) -> list[Request]:
        """Return the requests that have not ended."""
        with self._lock:
            return list(self._live)

    def close(self) -> list[Request]:
        """End all waiting threads. Returns: requests that have not ended."""
        with self._lock:
            self._draining = self._closed = True
            for condition in (self._to_decode, self._to_run, self._to_expire, self._idle):
                condition.notify_all()
            return list(self._live)

    def _leave(self, request: Request) -> None:
        self._length -= 1
        self._bytes -= request.size
        self._waiting[request.task] -= 1
        if not self._waiting[request.task]:
            del self._waiting[request.task]

    def _retry_after(self) -> float:
        return max(0.1, self._length * (self._seconds_per_image or 0.01))
