"""Full fine-tuning trains every parameter with exact gradients."""

import pytest
import torch

from lpt.baselines.methods.full import fully_tuned


def test_full_tuning_trains_all_parameters_with_gradients_that_match_differences(backbone, images):
    encoder = fully_tuned(backbone)
    encoder(images).square().sum().backward()
    assert len(encoder.tuned) == len(list(backbone.parameters()))
    weight = encoder.vit.blocks[1].mlp.fc1.weight
    with torch.no_grad():
        before = float(encoder(images).square().sum())
        weight[0, 0] += 1e-2
        after = float(encoder(images).square().sum())
        weight[0, 0] -= 1e-2
    assert (after - before) / 1e-2 == pytest.approx(float(weight.grad[0, 0]), rel=0.1, abs=0.02)
