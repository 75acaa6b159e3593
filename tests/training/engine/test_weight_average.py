"""The average of trained weights follows its formula, survives a resume, and is what remains."""

import pytest
import torch
from torch import nn

from lpt.training.engine.checkpoint import optimizer_state, restore_optimizer
from lpt.training.engine.weight_average import WeightAverage


def training(decay, optimizer=torch.optim.SGD):
    weight = nn.Parameter(torch.zeros(2))
    made = optimizer([weight], lr=0.1)
    return weight, made, WeightAverage(made, decay)


def step(weight, optimizer, number):
    weight.grad = torch.tensor([1.0, -2.0]) * (number + 1)
    optimizer.step()
    return weight.detach().clone()


def test_average_is_the_recursive_one_with_a_warm_up():
    weight, optimizer, average = training(decay=0.4)
    expected = None
    for number in range(8):
        now = step(weight, optimizer, number)
        share = min(0.4, (1 + number) / (10 + number))
        expected = now if expected is None else share * expected + (1 - share) * now
        with average.in_use():
            torch.testing.assert_close(weight.detach(), expected)
        assert torch.equal(weight.detach(), now)  # training continues from its own weights


def test_average_can_stay():
    weight, optimizer, average = training(decay=0.9)
    own = [step(weight, optimizer, number) for number in range(3)][-1]
    average.apply()
    kept = weight.detach().clone()
    assert not torch.equal(kept, own)
    average.apply()
    assert torch.equal(weight.detach(), kept)


def test_without_a_step_the_weights_stay():
    weight, _, average = training(decay=0.9)
    average.apply()
    assert torch.equal(weight.detach(), torch.zeros(2))


def test_weights_return_after_an_error():
    weight, optimizer, average = training(decay=0.9)
    own = [step(weight, optimizer, number) for number in range(3)][-1]
    with pytest.raises(ValueError, match="in between"), average.in_use():
        raise ValueError("in between")
    assert torch.equal(weight.detach(), own)


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.AdamW])
def test_resumed_average_continues_to_the_same_bits(kind):
    def momentum(parameters, lr):
        if kind is torch.optim.SGD:
            return kind(parameters, lr=lr, momentum=0.9)
        return kind(parameters, lr=lr)

    weight, optimizer, average = training(0.8, momentum)
    for number in range(3):
        step(weight, optimizer, number)
    other, resumed, restored = training(0.8, momentum)
    with torch.no_grad():
        other.copy_(weight)
    saved = {name: value.clone() for name, value in optimizer_state(optimizer).items()}
    restore_optimizer(resumed, saved)
    for number in range(3, 6):
        step(weight, optimizer, number)
        step(other, resumed, number)
    average.apply()
    restored.apply()
    assert torch.equal(weight, other)
