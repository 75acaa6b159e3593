"""The bytes of tensors are counted while they exist, and only those made meanwhile."""

import torch

from lpt.training.plan.live_tensors import LiveTensors


def test_tensors_that_are_gone_leave_only_the_peak():
    with LiveTensors() as found:
        kept = torch.zeros(100)
        gone = torch.zeros(50)
        del gone
        more = torch.zeros(25)
    assert (found.now, found.peak) == (4 * (100 + 25), 4 * (100 + 50))
    del kept, more
    assert found.now == 0


def test_views_and_tensors_from_before_are_not_counted():
    before = torch.zeros(1000)
    with LiveTensors() as found:
        view, part = before.view(10, 100), before[:3]
        before.add_(1)
    assert found.peak == 0
    assert view.shape == (10, 100)
    assert part.shape == (3,)


def test_what_a_backward_pass_needs_is_counted_until_it_has_run():
    weight = torch.ones(1000, requires_grad=True)
    with LiveTensors() as found:
        loss = (weight * 2).exp().sum()
        before = found.now
        loss.backward()
    assert before >= 4 * 1000  # the result of exp, which its gradient needs
    assert found.now < 3 * 4 * 1000
    assert weight.grad is not None
