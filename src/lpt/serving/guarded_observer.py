"""An observer whose faults do not reach the service."""

import logging
from collections.abc import Callable

from lpt.serving.serving_settings import Observer

__all__ = ["guarded"]

_log = logging.getLogger("lpt.serving")


class _Guarded:
    def __init__(self, observer: Observer) -> None:
        self._observer = observer

    def request(self, task: str, outcome: str, seconds: float) -> None:
        _try(lambda: self._observer.request(task, outcome, seconds))

    def queue(self, length: int) -> None:
        _try(lambda: self._observer.queue(length))

    def batch(self, size: int, tasks: int, seconds: float) -> None:
        _try(lambda: self._observer.batch(size, tasks, seconds))

    def stage(self, name: str, seconds: float) -> None:
        _try(lambda: self._observer.stage(name, seconds))

    def tasks(self, resident: int, bytes: int) -> None:
        _try(lambda: self._observer.tasks(resident, bytes))

    def evicted(self, task: str) -> None:
        _try(lambda: self._observer.evicted(task))


def guarded(observer: Observer) -> Observer:
    """Return an observer that passes all on, and logs what the given one raises.

    An error in a measurement would end the thread that computes, and with it the service.
    """
    return _Guarded(observer)


def _try(call: Callable[[], None]) -> None:
    try:
        call()
    except Exception:
        _log.exception("a measurement failed")
