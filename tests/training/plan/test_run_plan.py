"""A plan counts what the run then has, and its memory and time are those that are measured."""

import time
from pathlib import Path

import pytest

from lpt.backbones import FrozenViT
from lpt.progress import SilentReporter
from lpt.training.plan.run_plan import plan_run
from lpt.training.run.run_folder import RunFolder
from lpt.training.run.training_context import TrainingContext
from lpt.training.trainer import Trainer

from ...thread_group import in_threads
from ...tiny import backbone_of, config, train


def planned(settings, folder: Path, backbone: FrozenViT, group=None):
    began = time.monotonic()
    more = {} if group is None else {"group": group}
    context = TrainingContext(settings, SilentReporter(), device="cpu", backbone=backbone, **more)
    trainer = Trainer(context, RunFolder(folder))
    return plan_run(trainer, trainer.fit_budget(None), time.monotonic() - began)


def test_a_plan_counts_what_the_run_has_and_writes_nothing(
    photos: Path, backbone: FrozenViT, tmp_path: Path
) -> None:
    settings = config(photos, phase2__cached_views=2, augment__mixup=0)
    plan = planned(settings, tmp_path / "run", backbone)
    assert not (tmp_path / "run").exists()
    task, result = train(settings, tmp_path / "run", backbone)
    assert plan.trainable_parameters == result.prompt_parameters + result.other_parameters
    assert plan.frozen_parameters == sum(p.numel() for p in task.model.backbone.parameters())
    assert plan.frozen_bytes == 4 * plan.frozen_parameters
    first, second = plan.phases
    assert (first.epochs, first.steps, first.images) == (2, 3, 8)
    assert (second.cached_views, second.images) == (2, 16)
    images = sum(task.spec.class_counts)
    assert second.cache_bytes == 2 * images * (2 * 16 * 5 + 4 * 16)
    assert plan.fits
    assert plan.trainable_bytes == 16 * plan.trainable_parameters
    assert plan.seconds > 0 < plan.opening_seconds
    assert plan.peak_bytes == pytest.approx(result.peak_memory_bytes, rel=0.15)


def test_logits_of_many_test_images_are_part_of_the_memory(
    photos: Path, backbone: FrozenViT, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = planned(config(photos), tmp_path / "run", backbone).peak_bytes

    class Large:
        def __len__(self) -> int:
            return 10**8

    monkeypatch.setattr(TrainingContext, "evaluation_splits", {"test": Large()})
    many = planned(config(photos), tmp_path / "run", backbone)
    assert many.peak_bytes - few >= 4 * 2 * 10**8 * 4 * 0.9
    assert not many.fits or many.free_bytes is None or many.free_bytes > many.peak_bytes


def test_each_of_several_processes_has_its_share_of_a_step(
    photos: Path, vit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACCELERATE_TORCH_DEVICE", "cpu")
    plans = in_threads(
        2, lambda group: planned(config(photos), tmp_path / "run", backbone_of(vit), group)
    )
    assert [plan.processes for plan in plans] == [2, 2]
    assert plans[0].peak_bytes == plans[1].peak_bytes
    alone = planned(config(photos), tmp_path / "run", backbone_of(vit))
    if alone.free_bytes is not None and plans[0].free_bytes is not None:
        assert plans[0].free_bytes < 0.8 * alone.free_bytes
    assert plans[0].phases[0].images == 4


def test_a_phase_without_epochs_needs_no_memory_for_training(
    photos: Path, backbone: FrozenViT, tmp_path: Path
) -> None:
    both = planned(config(photos), tmp_path / "run", backbone)
    first = planned(config(photos, phase2__epochs=0), tmp_path / "run", backbone)
    assert first.trainable_bytes == 16 * first.trainable_parameters < both.trainable_bytes
