"""Classifier, keys and group prompts are initialised as configured."""

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from lpt.backbones import FrozenViT
from lpt.model.classifier import class_means
from lpt.model.two_pass import LongTailedPromptModel
from lpt.progress import SilentReporter
from lpt.training.engine.checkpoint import trainable_state
from lpt.training.phases.build_stages import build_model
from lpt.training.phases.initialization import start_classifier, start_pool
from lpt.training.run.training_context import TrainingContext

from ...tiny import config


def made(
    photos: Path, backbone: FrozenViT, **settings: Any
) -> tuple[LongTailedPromptModel, TrainingContext]:
    context = TrainingContext(
        config(photos, **settings), SilentReporter(), device="cpu", backbone=backbone
    )
    torch.manual_seed(0)
    return build_model(context.config, backbone, context.data.num_classes).eval(), context


def test_the_classifier_starts_at_class_means(photos: Path, backbone: FrozenViT) -> None:
    model, context = made(photos, backbone)
    start_classifier(model, context)
    split = context.some_of_each_class(100)
    features = context.features(lambda images: model.phase1(images).feature, split, "means")
    means = class_means(features, torch.from_numpy(split.labels), context.data.num_classes)
    cosines = F.cosine_similarity(model.classifier.weight.detach(), means)
    torch.testing.assert_close(cosines, torch.ones(4), atol=1e-4, rtol=0)


def test_keys_start_near_queries_and_group_prompts_near_the_shared_prompt(
    photos: Path, backbone: FrozenViT
) -> None:
    model, context = made(photos, backbone)
    start_pool(model, context)
    split = context.some_of_each_class(100)
    queries = context.features(lambda images: model.prefix(images).query, split, "queries")
    keys = F.normalize(model.pool.keys.detach(), dim=1)
    assert (keys @ F.normalize(queries, dim=1).T).max(dim=1).values.min() > 0.9
    shared, group = model.shared.prompts[model.split :], model.pool.prompts
    assert all(F.cosine_similarity(one.flatten(), shared.flatten(), dim=0) > 0.9 for one in group)
    assert not torch.equal(group[0], group[1])


@pytest.mark.parametrize("start", [start_classifier, start_pool])
def test_without_the_settings_nothing_changes(start, photos: Path, backbone: FrozenViT) -> None:
    plain = {
        "classifier__init": "uniform",
        "prompts__key_init": "normal",
        "prompts__group_init": "normal",
    }
    model, context = made(photos, backbone, **plain)
    before = trainable_state(model)
    start(model, context)
    torch.testing.assert_close(trainable_state(model), before, atol=0, rtol=0)
