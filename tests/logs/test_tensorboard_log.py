"""TensorBoard reads every number of a run."""

import pytest

from .conftest import feed

pytest.importorskip("tensorboard", reason="extra 'tensorboard' is not installed")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def test_tensorboard_gets_every_number_of_a_run(run):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    feed("tensorboard", run)
    events = EventAccumulator(str(run / "tensorboard")).Reload()
    names = {f"{s}/{n}" for s in ("phase1", "phase2") for n in ("loss", "val/overall", "val/few")}
    assert set(events.Tags()["scalars"]) == names | {"final/phase2/test/few"}
    assert [(e.step, e.value) for e in events.Scalars("phase1/loss")] == [(1, 2.0), (2, 1.0)]
