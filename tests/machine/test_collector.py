"""Objects of before are left alone; those that come later are still collected."""

import gc
import weakref

import pytest

from lpt.machine.collector import settle_collector


@pytest.fixture(autouse=True)
def _as_before():
    yield
    gc.unfreeze()


class Ring:
    """Refers to itself, so only the collector frees it."""

    def __init__(self) -> None:
        self.me = self


def test_a_collection_no_longer_looks_at_what_was_there_before():
    held = [[i] for i in range(1000)]
    assert settle_collector() > len(held)
    assert not {id(one) for one in held} & {id(one) for one in gc.get_objects()}


def test_rings_of_before_and_of_after_are_freed():
    before = weakref.ref(Ring())
    settle_collector()
    assert before() is None
    after = weakref.ref(Ring())
    gc.collect()
    assert after() is None
