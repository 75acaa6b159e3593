"""Variants change what they are about, and nothing else."""

from pathlib import Path

import pytest
import torch

from lpt.model.two_pass import Prefix
from lpt.progress import SilentReporter
from lpt.studies.define.variants import JointStage, JointTrainer, PlainQueryTrainer
from lpt.training.engine.stage import Progress
from lpt.training.phases.initialization import start_pool
from lpt.training.run.run_folder import RunFolder
from lpt.training.run.training_context import TrainingContext
from lpt.training.trainer import Trainer

from ...tiny import backbone_of, config


@pytest.fixture
def context(vit: Path, photos: Path) -> TrainingContext:
    settings = config(photos, augment__mixup=0.0, classifier__dropout=0.0)
    return TrainingContext(settings, SilentReporter(), device="cpu", backbone=backbone_of(vit))


def images() -> torch.Tensor:
    return torch.randn(8, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def test_joint_training_predicts_as_phase_2_does(context, tmp_path):
    trainer = JointTrainer(context, RunFolder(tmp_path))
    stage = trainer.stage(JointTrainer.phases[1]).eval()
    assert isinstance(stage, JointStage)
    torch.testing.assert_close(stage.predict(images()).logits, trainer.model(images()).logits)


def test_joint_training_trains_both_prompt_sets_and_adapters(context, tmp_path):
    context.update(context.config.changed({"adapters.width": 2}))
    trainer = JointTrainer(context, RunFolder(tmp_path))
    adapters = trainer.model.adapters
    torch.nn.init.normal_(adapters.up)  # starts at zero, which stops gradients
    stage = trainer.stage(JointTrainer.phases[1]).train()
    labels = torch.tensor([0, 1, 2, 3] * 2)
    stage(stage.draw({"images": images()}, labels), Progress(0, 1)).total.backward()
    trainable = {id(p) for group in stage.param_groups().values() for p in group}
    model = trainer.model
    expected = [model.shared.prompts, model.pool.prompts, model.pool.keys, model.classifier.weight]
    expected += [adapters.down, adapters.down_bias, adapters.up, adapters.up_bias]
    assert trainable == {id(p) for p in expected}
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in expected)
    assert all(p.grad is None for p in model.backbone.parameters())


def test_the_plain_query_is_the_backbones_class_token(context, tmp_path):
    plain = PlainQueryTrainer(context, RunFolder(tmp_path)).model
    usual = Trainer(context, RunFolder(tmp_path)).model
    plain.load_state_dict(usual.state_dict())
    found, own = plain.prefix(images()), usual.prefix(images())
    torch.testing.assert_close(found.query, context.backbone(images()))
    torch.testing.assert_close(found.tokens, own.tokens)
    torch.testing.assert_close(plain.phase1(images()).logits, usual.phase1(images()).logits)
    expected = usual.phase2(Prefix(own.tokens, context.backbone(images())))
    torch.testing.assert_close(plain.predict(images()).logits, expected.logits)


def test_keys_of_the_plain_query_start_at_its_clusters(context, tmp_path):
    trainer = PlainQueryTrainer(context, RunFolder(tmp_path))
    start_pool(trainer.model, context)
    keys = torch.nn.functional.normalize(trainer.model.pool.keys.detach(), dim=1)
    split = context.some_of_each_class(100)
    queries = torch.nn.functional.normalize(context.features(context.backbone, split, ""), dim=1)
    assert (keys @ queries.T).max(dim=1).values.min() > 0.9


def test_joint_training_uses_the_dropout_mask_of_the_whole_step(vit, photos, tmp_path):
    settings = config(photos, augment__mixup=0.0, classifier__dropout=0.5)
    context = TrainingContext(settings, SilentReporter(), device="cpu", backbone=backbone_of(vit))
    stage = JointTrainer(context, RunFolder(tmp_path)).stage(JointTrainer.phases[1]).train()
    step = stage.draw({"images": images()}, torch.tensor([0, 1, 2, 3] * 2))
    once, again = stage(step, Progress(0, 1)).total, stage(step, Progress(0, 1)).total
    assert torch.equal(once, again)
