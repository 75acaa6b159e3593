"""Steps of a real phase: what they change, what they refuse, and that no gradient remains."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from lpt.backbones import FrozenViT
from lpt.errors import TrainingError
from lpt.training.engine import loop
from lpt.training.engine.checkpoint import Checkpoint
from lpt.training.engine.stage import Progress
from lpt.training.engine.step import train_step
from lpt.training.trainer import Trainer

from ...tiny import config, opened, tensors_of, train


@pytest.fixture
def trainer(photos: Path, backbone: FrozenViT, tmp_path: Path) -> Iterator[Trainer]:
    with opened(config(photos), tmp_path / "run", backbone) as trainer:
        yield trainer


@pytest.fixture
def step(trainer: Trainer):
    """One step of phase 1 on random images."""
    stage = trainer.stage(trainer.phases[0]).train()
    images, labels = torch.randn(8, 3, 16, 16), torch.arange(8) % 4

    def take(optimizer: torch.optim.Optimizer | None = None, **changes: object):
        progress = Progress(0, 2)
        return train_step(
            trainer.context.accelerator,
            stage,
            optimizer,
            {"images": images},
            labels,
            progress,
            seed=0,
            **changes,
        )

    take.stage = stage
    take.trainable = [p for group in stage.param_groups().values() for p in group]
    return take


def test_without_an_optimizer_no_weight_changes_and_no_gradient_stays(step):
    before = [p.detach().clone() for p in step.trainable]
    assert step()["loss"] > 0
    assert all(torch.equal(p, b) for p, b in zip(step.trainable, before, strict=True))
    assert all(p.grad is None for p in step.stage.parameters())


def test_with_an_optimizer_all_trainable_parameters_change(step):
    before = [p.detach().clone() for p in step.trainable]
    step(torch.optim.SGD(step.trainable, lr=0.1))
    assert not any(torch.equal(p, b) for p, b in zip(step.trainable, before, strict=True))


def test_clipping_bounds_the_length_of_a_step(step):
    before = [p.detach().clone() for p in step.trainable]
    step(torch.optim.SGD(step.trainable, lr=1.0), clip_norm=1e-3)
    moved = torch.cat([(p - b).flatten() for p, b in zip(step.trainable, before, strict=True)])
    assert 0 < moved.norm() <= 1.01e-3


def test_a_loss_that_is_not_finite_stops_before_the_weights_change(step):
    with torch.no_grad():
        step.trainable[0].fill_(torch.nan)
    kept = step.trainable[1].detach().clone()
    optimizer = torch.optim.SGD([{"params": step.trainable, "peak": 0.5}], lr=0.1)
    with pytest.raises(TrainingError, match=r"phase1: loss is not finite .* rate of 0\.5"):
        step(optimizer)
    assert torch.equal(step.trainable[1], kept)


def test_a_loss_that_is_not_finite_before_training_does_not_blame_the_learning_rate(step):
    with torch.no_grad():
        step.trainable[0].fill_(torch.inf)
    with pytest.raises(TrainingError, match=r"phase1: .* before the first update") as caught:
        step()
    assert "lr" not in str(caught.value)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB."),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 4 bytes"),
    ],
)
def test_memory_that_runs_out_names_the_batch(step, error, monkeypatch):
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(step.stage, "output", fail)
    with pytest.raises(TrainingError, match=r"out of memory with 8 .* Lower phase1\.batch"):
        step()


def test_other_errors_pass(step, monkeypatch):
    def fail(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(step.stage, "output", fail)
    with pytest.raises(RuntimeError, match="a bug"):
        step()


@pytest.mark.parametrize(("updated", "kept"), [(False, 1), (True, 0)])
def test_a_stopped_phase_keeps_its_last_whole_step_and_resumes_to_the_same_bits(
    updated, kept, photos: Path, backbone: FrozenViT, tmp_path: Path, monkeypatch
):
    """Weights that were updated after the last count of steps are not saved."""
    quick = config(photos, checkpoint_seconds=1e6, phase1__epochs=1, phase2__epochs=0)
    train(quick, tmp_path / "whole", backbone)
    steps = 0

    def stop(*arguments: Any, **options: Any) -> Any:
        nonlocal steps
        steps += 1
        if steps == 2 and not updated:
            raise KeyboardInterrupt
        values = train_step(*arguments, **options)
        if steps == 2:
            raise KeyboardInterrupt
        return values

    with monkeypatch.context() as patch:
        patch.setattr(loop, "train_step", stop)
        with pytest.raises(KeyboardInterrupt):
            train(quick, tmp_path / "stopped", backbone)
    with opened(quick, tmp_path / "stopped", backbone) as trainer:
        assert Checkpoint.load(trainer.folder.last_file).position.step == kept
        trainer.run()
    expected, resumed = tensors_of(tmp_path / "whole"), tensors_of(tmp_path / "stopped")
    assert [name for name in expected if not torch.equal(resumed[name], expected[name])] == []
