"""A measurement that fails ends nothing."""

import logging

from lpt.serving.guarded_observer import guarded

CALLS = {
    "request": ("ant", "ok", 0.1),
    "queue": (3,),
    "batch": (8, 2, 0.1),
    "stage": ("decode", 0.1),
    "tasks": (4, 100),
    "evicted": ("ant",),
}


class Recorder:
    def __init__(self):
        self.calls = {}

    def __getattr__(self, name):
        return lambda *given: self.calls.update({name: given})


class Broken:
    def __getattr__(self, name):
        def fail(*given):
            raise ValueError(name)

        return fail


def test_every_measurement_is_passed_on():
    recorder = Recorder()
    for name, given in CALLS.items():
        getattr(guarded(recorder), name)(*given)
    assert recorder.calls == CALLS


def test_what_an_observer_raises_is_logged(caplog):
    with caplog.at_level(logging.ERROR):
        for name, given in CALLS.items():
            getattr(guarded(Broken()), name)(*given)
    assert len(caplog.records) == len(CALLS)
