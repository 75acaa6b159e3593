"""The watch over a folder: changes are noticed, faults end nothing, and it ends when closed."""

import threading
import time

from lpt.serving.store.keeper import Keeper


class Store:
    def __init__(self):
        self.new, self.checked, self.scans, self.fault = ["a", "b"], [], 0, None

    def scan(self):
        self.scans += 1
        if self.fault:
            raise self.fault
        new, self.new = self.new, []
        return new

    def check(self, name):
        self.checked.append(name)


def test_what_is_new_is_checked_when_a_scan_is_asked_for():
    store = Store()
    keeper = Keeper(store, None)
    assert keeper.scan(60)
    assert keeper.ready
    assert store.checked == ["a", "b"]
    store.new = ["c"]
    assert keeper.scan(60)
    assert store.checked == ["a", "b", "c"]
    keeper.close()


def test_a_watch_scans_again_and_survives_a_fault(caplog):
    store = Store()
    store.fault = OSError("gone")
    keeper = Keeper(store, 0.01)
    while store.scans < 3:
        time.sleep(0.01)
    store.fault, store.new = None, ["d"]
    assert keeper.scan(60)
    assert "d" in store.checked
    keeper.close()
    assert caplog.records


def test_closing_ends_the_thread_and_those_that_wait_for_it():
    before = threading.active_count()
    keeper = Keeper(Store(), None)
    keeper.close()
    assert threading.active_count() == before
    assert keeper.scan(60)
