"""Full fine-tuning trains every parameter with exact gradients."""

import pytest
import torch

from lpt.baselines import baseline_settings, train_baseline
from lpt.baselines.methods.full import FullOptions, fully_tuned

from ..tiny import context


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


def test_learning_rates_decay_from_the_norm_to_the_embedding(backbone):
    encoder = fully_tuned(backbone, FullOptions(layer_decay=0.5))
    factors, model, depth = encoder.lr_factors(), encoder.vit.model, backbone.depth
    assert set(factors) == set(encoder.tuned)
    assert factors[model.norm.weight] == 1
    for index, block in enumerate(encoder.vit.blocks):
        assert {factors[p] for p in block.parameters()} == {0.5 ** (depth - index)}
    assert factors[model.patch_embed.proj.weight] == factors[model.pos_embed] == 0.5 ** (depth + 1)


def test_without_decay_all_layers_share_one_learning_rate(backbone):
    assert fully_tuned(backbone).lr_factors() == {}


def test_training_follows_the_decay(backbone):
    """A parameter that AdamW moves at a learning rate of a hundredth moves by far less."""
    settings = baseline_settings("full", epochs=1, batch_size=8, options={"layer_decay": 0.1})
    trained = train_baseline("full", context(backbone), settings).stage.encoder.vit.model
    moved = {
        name: float((value - backbone.model.state_dict()[name]).abs().max())
        for name, value in trained.state_dict().items()
    }
    assert 0 < moved["pos_embed"] < 0.01 * moved["norm.bias"]
