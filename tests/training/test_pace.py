"""Times are measured for every phase, and measuring changes no weight."""

from pathlib import Path

import torch

from lpt.backbones import FrozenViT
from lpt.training.engine.checkpoint import trainable_state
from lpt.training.estimate import run_seconds
from lpt.training.pace import measure_pace

from ..tiny import config, opened


def test_every_phase_is_timed_and_no_weight_changes(
    photos: Path, backbone: FrozenViT, tmp_path: Path
) -> None:
    with opened(config(photos), tmp_path / "run", backbone) as trainer:
        before = trainable_state(trainer.model)
        pace = measure_pace(trainer.context, trainer.phases, trainer.stage)
        after = trainable_state(trainer.model)
    assert [times.phase.name for times in pace.phases] == ["phase1", "phase2"]
    assert all(times.step > 0 and times.image > 0 for times in pace.phases)
    first, second = pace.phases
    assert (first.view, first.cached_step) == (0, 0)  # phase 1 cannot cache views
    assert second.view > 0
    assert second.cached_step > 0
    assert pace.train_images == len(trainer.context.train_split)
    assert run_seconds(trainer.config, pace) > 0
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_single_step_is_timed(photos: Path, backbone: FrozenViT, tmp_path: Path) -> None:
    one_step = config(photos, phase1__epoch_images=8, phase2__epoch_images=8)
    with opened(one_step, tmp_path / "run", backbone) as trainer:
        pace = measure_pace(trainer.context, trainer.phases, trainer.stage)
    assert all(times.step > 0 for times in pace.phases)
