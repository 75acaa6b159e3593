"""A phase reads its own section of a configuration and plans its own draws."""

import numpy as np
import pytest
import torch

from lpt.config import RunConfig
from lpt.model.two_pass import LongTailedPromptModel
from lpt.training.phases.build_stages import PHASES, build_model, build_stage

from ...contracts.test_stages import vit

COUNTS = torch.tensor([9, 4, 1])
LABELS = np.array([0] * 9 + [1] * 4 + [2])


def model_of(config: RunConfig) -> LongTailedPromptModel:
    return build_model(config, vit(), num_classes=3)


@pytest.mark.parametrize("phase", PHASES, ids=lambda phase: phase.name)
def test_a_plan_follows_the_section_of_its_phase(phase):
    settings = {"batch_size": 3, "epochs": 5, "epoch_images": 6, "sampler": "square-root"}
    config = RunConfig(seed=4).changed({f"{phase.name}.{k}": v for k, v in settings.items()})
    assert phase.section(config).epochs == 5
    stage = build_stage(phase.name, config, model_of(config), COUNTS)
    plan = phase.plan(stage, config, LABELS)
    assert (plan.batch, plan.epochs, plan.epoch_images, plan.seed) == (3, 5, 6, 4)
    assert plan.samplers == ("square-root",)
    assert plan.stage == phase.index == PHASES.index(phase)
    assert plan.steps == 2


def test_only_phase_2_caches_views():
    config = RunConfig().changed({"phase2.cached_views": 3})
    assert [phase.cached_views(config) for phase in PHASES] == [None, 3]
