"""The list of phases, and the models and stages of a configuration."""

import pytest
import torch

from lpt.config import RunConfig
from lpt.errors import ConfigError
from lpt.training.phases.build_stages import PHASES, build_model, build_stage
from lpt.training.phases.prompt_stages import GroupStage, SharedStage

from ...contracts.test_stages import vit

COUNTS = torch.tensor([9, 4, 1])


def test_phases_are_numbered_in_order_and_named_after_their_sections():
    assert [phase.number for phase in PHASES] == [1, 2]
    assert all(phase.name in RunConfig.model_fields for phase in PHASES)
    assert len({phase.title for phase in PHASES}) == len(PHASES)


def test_phase_1_always_belongs_to_a_run_and_phase_2_only_with_epochs():
    trained = [phase.is_trained(RunConfig()) for phase in PHASES]
    assert trained == [True, True]
    none = RunConfig().changed({"phase1.epochs": 0, "phase2.epochs": 0})
    assert [phase.is_trained(none) for phase in PHASES] == [True, False]


def test_initialisation_reads_images_only_if_configured():
    assert [phase.start_passes(RunConfig()) for phase in PHASES] == [1, 1]
    plain = RunConfig().changed({"classifier.init": "uniform", "prompts.key_init": "normal"})
    assert [phase.start_passes(plain) for phase in PHASES] == [0, 0]


def test_a_model_has_the_configured_sizes():
    config = RunConfig().changed({"prompts.length": 3, "prompts.pool_size": 5})
    config = config.changed({"prompts.shared_blocks": 1, "classifier.dropout": 0.25})
    model = build_model(config, vit(), num_classes=3)
    assert model.shared.prompts.shape == (3, 3, 16)
    assert model.pool.prompts.shape == (5, 2, 3, 16)
    assert model.classifier.dropout == 0.25
    assert not model.recompute
    again = config.changed({"activation_checkpointing": True})
    assert build_model(again, vit(), num_classes=3).recompute


def test_stages_have_the_configured_branches_and_settings():
    config = RunConfig().changed(
        {
            "phase1.sampler": "balanced",
            "phase2.dual_sampler": "square-root",
            "phase2.eta": 0.75,
            "phase2.key_weight": 0.5,
            "augment.mixup": 0.2,
        }
    )
    model = build_model(config, vit(), num_classes=3)
    first, second = (build_stage(phase.name, config, model, COUNTS) for phase in PHASES)
    assert isinstance(first, SharedStage)
    assert isinstance(second, GroupStage)
    assert first.mixup == second.mixup == 0.2
    assert [branch.sampler for branch in first.branches] == ["balanced"]
    assert [branch.sampler for branch in second.branches] == ["square-root", "instance"]
    assert [branch.eta for branch in second.branches] == [None, 0.75]
    assert second.settings.key_weight == 0.5


def test_an_unknown_phase_is_refused():
    model = build_model(RunConfig(), vit(), num_classes=3)
    with pytest.raises(ConfigError, match=r"phase 'phase3': unknown\. Known: phase1, phase2"):
        build_stage("phase3", RunConfig(), model, COUNTS)
