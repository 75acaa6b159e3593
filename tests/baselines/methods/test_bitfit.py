"""BitFit trains biases and no weights."""

import copy

import torch

from lpt.baselines.methods.bitfit import BiasLinear


def test_a_bias_gets_gradients_and_its_weight_none(backbone):
    layer = BiasLinear.of(copy.deepcopy(backbone.blocks[0].attn.proj))
    layer.bias.requires_grad_(True)
    layer(torch.ones(3, 16)).sum().backward()
    assert torch.equal(layer.bias.grad, torch.full((16,), 3.0))
    assert layer.weight.grad is None
