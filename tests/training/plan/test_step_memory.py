"""The memory of a step is linear in its images, and smaller where blocks are computed again."""

from dataclasses import replace
from pathlib import Path

import pytest

from lpt.backbones import FrozenViT
from lpt.training.engine.stage import Progress
from lpt.training.engine.step import train_step
from lpt.training.plan.live_tensors import LiveTensors
from lpt.training.plan.step_memory import activation_bytes, measure_step

from ...tiny import backbone_of, config, opened, write_backbone


@pytest.mark.parametrize("phase", [0, 1])
def test_activations_of_any_step_follow_from_two_small_ones(
    phase: int, photos: Path, backbone: FrozenViT, tmp_path: Path
) -> None:
    with opened(config(photos, augment__mixup=0), tmp_path / "run", backbone) as trainer:
        stage = trainer.stage(trainer.phases[phase])
        plan = trainer.phases[phase].plan(stage, trainer.config, trainer.context.train_split.labels)
        draws = next(replace(plan, batch=13).draws_from(0, 0))
        inputs, labels = next(iter(trainer.context.image_source(iter([draws]))))
        stage.train()
        with LiveTensors() as tensors:
            train_step(
                trainer.context.accelerator, stage, None, inputs, labels, Progress(0, 1), seed=0
            )
        found = activation_bytes(trainer.context, stage, plan, len(labels))
    assert found == pytest.approx(tensors.peak, rel=0.02)


def test_checkpointing_makes_the_activations_smaller(photos: Path, tmp_path: Path) -> None:
    deep = backbone_of(write_backbone(tmp_path / "deep.safetensors", depth=12))
    sizes = []
    for name, on in (("usual", False), ("again", True)):
        settings = config(photos, activation_checkpointing=on)
        with opened(settings, tmp_path / name, deep) as trainer:
            phase = trainer.phases[0]
            found = measure_step(trainer.context, phase, trainer.stage(phase), 1.0)
            sizes.append(found.activations)
    assert sizes[1] < 0.4 * sizes[0]


def test_a_step_that_is_computed_in_part_is_extrapolated(
    photos: Path, backbone: FrozenViT, tmp_path: Path
) -> None:
    settings = config(photos, phase2__cached_views=2, augment__mixup=0)
    with opened(settings, tmp_path / "run", backbone) as trainer:
        phase = trainer.phases[1]
        found = measure_step(trainer.context, phase, trainer.stage(phase), 0.25)
    assert found.images == 16  # two branches
    assert found.at_once == 16
    assert found.view == 2 * 16 * (1 + 4) + 4 * 16  # tokens in float16, a query in float32
    assert found.peak > found.activations
