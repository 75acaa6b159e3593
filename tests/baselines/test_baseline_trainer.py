"""The trainer builds stages from settings and records what was trained."""

import pytest
import torch

from lpt.baselines import BaselineTrainer, baseline_settings
from lpt.baselines.baseline import NoOptions
from lpt.baselines.encoder import Fixed
from lpt.training.engine import view_cache

from .tiny import Recorder, context


def trainer_of(backbone, run=None, **changes) -> BaselineTrainer:
    settings = baseline_settings("norm", epochs=1, batch_size=8, **changes)
    return BaselineTrainer("norm", context(backbone, **(run or {})), settings, NoOptions())


def test_dropout_is_that_of_the_run_unless_it_is_set(backbone):
    run = {"classifier__dropout": 0.25}
    assert trainer_of(backbone, run).dropout == 0.25
    assert trainer_of(backbone, run, dropout=0.0).dropout == 0.0
    assert trainer_of(backbone, run).classifier().dropout == 0.25


def test_branches_follow_sampler_and_loss(backbone):
    trainer = trainer_of(backbone, sampler="dual", loss="gcl", loss_options={"scale": 7.0})
    assert [branch.name for branch in trainer.branches()] == ["balanced", "instance"]
    assert trainer.branches()[0].loss.options["scale"] == 7.0
    (branch,) = trainer.branches("square-root", "ce")
    assert (branch.sampler, branch.loss.name) == ("square-root", "ce")
    assert branch.loss.options["scale"] != 7.0


def test_only_fitted_parameters_are_counted_in_every_context(backbone):
    trainer = trainer_of(backbone)
    other = trainer.with_context(context(backbone))
    stage = other.stage(Fixed(backbone))
    assert trainer.trained_parameters(stage) == 0
    other.fit(stage)
    assert trainer.trained_parameters(stage) == stage.classifier.weight.numel()


def test_stages_sample_images_in_different_orders(backbone):
    def weight(number):
        trainer = trainer_of(backbone)
        stage = trainer.stage(Fixed(backbone))
        trainer.fit(stage, number=number)
        return stage.classifier.weight.detach()

    assert torch.equal(weight(0), weight(0))
    assert not torch.equal(weight(0), weight(1))


class Messages(Recorder):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def message(self, text: str) -> None:
        self.lines.append(text)


def test_without_room_for_a_cache_training_computes_views_at_each_step(backbone, monkeypatch):
    def refuse(*_, **__):
        raise view_cache.NoRoomError(0, "the disk is full")

    def weight(trainer):
        stage = trainer.stage(Fixed(backbone))
        trainer.fit(stage, cached_views=2)
        return stage.classifier.weight.detach()

    cached = weight(trainer_of(backbone))
    monkeypatch.setattr("lpt.baselines.baseline_trainer.build_cache", refuse)
    trainer = trainer_of(backbone)
    trainer.context.reporter = Messages()
    uncached = weight(trainer)
    assert "the disk is full" in trainer.context.reporter.lines[0]
    torch.testing.assert_close(cached, uncached, atol=1e-4, rtol=1e-3)


def test_mixup_is_off_for_cached_views(backbone):
    trainer = trainer_of(backbone, {"augment__mixup": 0.4, "phase2__cached_views": 0})
    stage = trainer.stage(Fixed(backbone))
    assert stage.mixup == pytest.approx(0.4)
    trainer.fit(stage, cached_views=2)
    assert stage.mixup == 0.0
