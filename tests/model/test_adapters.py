"""The adapters of a model: their formula, where they start, and what is trained."""

import torch
import torch.nn.functional as F

from lpt.model.adapters import Adapters


def test_each_block_adds_the_scaled_bottleneck():
    """s (ReLU(n W_down + b) W_up + c), for every block."""
    adapters, generator = Adapters(depth=3, width=6, hidden=2), torch.Generator().manual_seed(0)
    for parameter in adapters.parameters():
        parameter.data.copy_(torch.randn(parameter.shape, generator=generator))
    n = torch.randn(2, 5, 6, generator=generator)
    for i, adapter in enumerate(adapters.bottlenecks()):
        hidden = F.relu(n @ adapters.down[i] + adapters.down_bias[i])
        expected = adapters.scale[i] * (hidden @ adapters.up[i] + adapters.up_bias[i])
        torch.testing.assert_close(adapter.added(n), expected, atol=1e-6, rtol=1e-5)


def test_at_the_start_they_add_nothing_and_are_not_symmetric():
    adapters = Adapters(depth=2, width=16, hidden=4)
    tokens = torch.randn(2, 3, 16)
    assert not any(adapter.added(tokens).any() for adapter in adapters.bottlenecks())
    assert adapters.down.unique().numel() == adapters.down.numel()
    assert adapters.down.abs().max() <= 1 / 4


def test_the_scale_is_not_trained_unless_asked():
    adapters = Adapters(depth=2, width=16, hidden=4, scale=0.3)
    assert adapters.scale.tolist() == [torch.tensor(0.3).item()] * 2
    assert {n for n, p in adapters.named_parameters() if not p.requires_grad} == {"scale"}
