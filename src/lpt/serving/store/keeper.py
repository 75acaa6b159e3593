"""The thread that looks at the files of tasks, and checks those that are new or have changed."""

import logging
import threading
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from lpt.serving.store.task_store import TaskStore

__all__ = ["Keeper"]

_log = logging.getLogger("lpt.serving")
T = TypeVar("T")


class Keeper:
    """Scans a store at its start, whenever it is asked to, and at intervals.

    Args:
        store: whose files are watched.
        watch_s: seconds between two scans; None scans only when it is asked to.
    """

    def __init__(self, store: TaskStore, watch_s: float | None) -> None:
        self._store, self._watch_s = store, watch_s
        self._change = threading.Condition()
        self._wanted, self._done, self._closed = 1, 0, False
        self._thread = threading.Thread(target=self._work, name="lpt-keeper", daemon=True)
        self._thread.start()

    @property
    def ready(self) -> bool:
        """Whether the first scan, and the checks that followed from it, are done."""
        return self._done > 0

    def scan(self, timeout_s: float | None = None) -> bool:
        """Scan now, and wait until what is new was checked. Returns: False after the timeout."""
        with self._change:
            self._wanted += 1
            wanted = self._wanted
            self._change.notify_all()
            return self._change.wait_for(lambda: self._done >= wanted or self._closed, timeout_s)

    def close(self) -> None:
        """End the thread, after the check that it is in."""
        with self._change:
            self._closed = True
            self._change.notify_all()
        self._thread.join()

    @staticmethod
    def _tried(call: Callable[[], T]) -> T | None:
        try:
            return call()
        except Exception:  # neither a folder that is gone nor one task may end the watch
            _log.exception("tasks could not be looked at")
            return None

    def _work(self) -> None:
        while not self._closed:
            asked = self._wanted
            for name in self._tried(self._store.scan) or ():
                if self._closed:
                    return
                self._tried(partial(self._store.check, name))
            with self._change:
                self._done = asked
                self._change.notify_all()
                self._change.wait_for(
                    lambda: self._closed or self._wanted > self._done, self._watch_s
                )
