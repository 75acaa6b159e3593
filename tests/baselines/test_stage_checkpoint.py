"""A stage has one checkpoint in its folder, or none without a folder."""

import pytest
import torch

from lpt.baselines.stage_checkpoint import StageCheckpoint
from lpt.errors import RunError
from lpt.training.engine.checkpoint import Checkpoint, Position


def checkpoint(value: float) -> Checkpoint:
    return Checkpoint(Position(0, 1), {"weight": torch.full((2,), value)})


def test_the_last_checkpoint_replaces_the_one_before(tmp_path):
    store = StageCheckpoint(tmp_path / "run", 1)
    assert store.load() is None
    store.save(checkpoint(1.0))
    store.save(checkpoint(2.0))
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["stage-1.safetensors"]
    found = StageCheckpoint(tmp_path / "run", 1).load()
    assert found is not None
    assert found.trainable["weight"].tolist() == [2.0, 2.0]
    assert StageCheckpoint(tmp_path / "run", 0).load() is None


def test_without_a_folder_nothing_is_saved():
    store = StageCheckpoint(None, 0)
    store.save(checkpoint(1.0))
    assert store.load() is None


def test_a_damaged_checkpoint_is_named(tmp_path):
    (tmp_path / "stage-0.safetensors").write_bytes(b"damaged")
    with pytest.raises(RunError, match=r"stage-0\.safetensors"):
        StageCheckpoint(tmp_path, 0).load()


def test_best_weights_and_metrics_are_not_stored(tmp_path):
    store = StageCheckpoint(tmp_path, 0)
    store.save_best("full", {"weight": torch.ones(2)})
    store.log({"loss": 1.0})
    assert list(tmp_path.iterdir()) == []
