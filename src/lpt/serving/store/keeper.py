"""The thread that looks at the files of tasks, and checks those that are new or have changed."""

import logging
import threading

from lpt.serving.store.task_store import TaskStore

__all__ = ["Keeper"]

_log = logging.getLogger("lpt.serving")


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

    def _work(self) -> None:
        while not self._closed:
            asked = self._wanted
            try:
                for name in self._store.scan():
                    if self._closed:
                        return
                    self._store.check(name)
            except Exception:  # a folder that comes and goes must not end the watch
                _log.exception("the tasks could not be looked at")
            with self._change:
                self._done = asked
                self._change.notify_all()
                self._change.wait_for(
                    lambda: self._closed or self._wanted > self._done, self._watch_s
                )
