"""Limits are bounded by default, and refused where they make no sense."""

import dataclasses

import pytest

from lpt.errors import ParameterError
from lpt.serving.serving_settings import NullObserver, Observer, ServingSettings


def test_every_default_is_a_bound():
    settings = ServingSettings()
    limits = {f.name for f in dataclasses.fields(settings)} - {"match"}
    unbounded = {name for name in limits if getattr(settings, name) is None}
    assert unbounded == {"max_per_task", "watch_s", "max_pixels"}  # which have limits of their own
    assert settings.max_queue_bytes + settings.memory_bytes <= 2**31


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_batch": 0},
        {"max_queue": 0},
        {"max_queue": "many"},
        {"decode_threads": -1},
        {"max_per_task": 0},
        {"deadline_s": float("nan")},
        {"deadline_s": -1.0},
        {"watch_s": float("inf")},
        {"accuracy": 1.5},
        {"match": "often"},
        {"backbone_weights": "int4"},
    ],
)
def test_a_setting_out_of_range_is_named(wrong):
    with pytest.raises(ParameterError, match=next(iter(wrong))):
        ServingSettings(**wrong)


def test_the_silent_observer_takes_every_measurement():
    observer: Observer = NullObserver()
    observer.request("ant", "ok", 0.1)
    observer.queue(1)
    observer.batch(2, 1, 0.1)
    observer.stage("decode", 0.1)
    observer.tasks(1, 100)
    observer.evicted("ant")
