"""Noise on weights has the size that is asked for, and leaves no trace."""

import pytest
import torch
from torch import nn

from lpt.training.engine.weight_noise import noisy_weights


def test_noise_is_relative_to_each_tensor():
    weights = [nn.Parameter(torch.full((4000,), value)) for value in (2.0, -0.01)]
    with noisy_weights(weights, size=0.1, seed=3):
        deviations = [
            float((w.detach() - v).std() / abs(v))
            for w, v in zip(weights, (2.0, -0.01), strict=True)
        ]
    assert deviations == pytest.approx([0.1, 0.1], rel=0.05)


def test_gradients_are_those_of_the_noisy_weights_and_the_weights_return():
    weight = nn.Parameter(torch.tensor([1.0, 2.0]))
    with noisy_weights([weight], size=0.5, seed=1):
        noisy = weight.detach().clone()
        weight.square().sum().backward()
    assert torch.equal(weight.grad, 2 * noisy)
    assert weight.tolist() == [1.0, 2.0]
    assert not torch.equal(noisy, weight.detach())


def test_weights_return_after_an_error():
    weight = nn.Parameter(torch.tensor([1.0 / 3]))
    before = weight.detach().clone()
    with pytest.raises(RuntimeError, match="memory"), noisy_weights([weight], 1.0, seed=0):
        raise RuntimeError("out of memory")
    assert torch.equal(weight.detach(), before)


def test_the_same_seed_gives_the_same_noise():
    weight = nn.Parameter(torch.ones(5))
    found = []
    for seed in (0, 0, 1):
        with noisy_weights([weight], 1.0, seed):
            found.append(weight.detach().clone())
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])
