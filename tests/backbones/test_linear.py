"""Frozen products: those of F.linear, with a gradient for the input only."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from lpt.backbones.linear import CompactLinear, FrozenLinear, frozen_linear, torch_products
from lpt.training.plan.live_tensors import LiveTensors


@settings(max_examples=40)
@given(
    rows=st.lists(st.integers(0, 5), min_size=1, max_size=3),
    inside=st.integers(1, 40),
    outside=st.integers(1, 40),
    with_bias=st.booleans(),
    strided=st.booleans(),
)
def test_value_and_gradient_are_those_of_a_linear_layer(rows, inside, outside, with_bias, strided):
    torch.manual_seed(0)
    x = torch.randn(*rows, 2 * inside)[..., ::2] if strided else torch.randn(*rows, inside)
    x = x.detach().requires_grad_()
    weight, bias = torch.randn(outside, inside), torch.randn(outside) if with_bias else None
    actual, expected = frozen_linear(x, weight, bias), F.linear(x, weight, bias)
    torch.testing.assert_close(actual, expected, atol=1e-4, rtol=0)
    gradient = torch.randn_like(expected)
    (found,) = torch.autograd.grad(actual, x, gradient)
    (wanted,) = torch.autograd.grad(expected, x, gradient)
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=0)


def test_weights_never_receive_a_gradient():
    linear = FrozenLinear.of(nn.Linear(4, 3))
    out = linear(torch.randn(2, 4, requires_grad=True))
    out.sum().backward()
    assert linear.weight.grad is None
    assert linear.bias.grad is None


def test_it_takes_the_place_of_a_layer_with_its_very_parameters():
    layer = nn.Linear(4, 3)
    frozen = FrozenLinear.of(layer)
    assert frozen.weight is layer.weight
    assert frozen.bias is layer.bias
    assert frozen.state_dict().keys() == layer.state_dict().keys()
    assert FrozenLinear.of(nn.Linear(4, 3, bias=False)).bias is None


def test_torch_products_computes_exactly_as_torch_and_only_inside():
    x, weight = torch.randn(64, 384), torch.randn(100, 384)
    outside = frozen_linear(x, weight)
    with torch_products():
        assert torch.equal(frozen_linear(x, weight), F.linear(x, weight))
    assert torch.equal(frozen_linear(x, weight), outside)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_other_precisions_and_autocast_are_left_to_torch(dtype):
    x, weight = torch.randn(3, 4, dtype=dtype), torch.randn(2, 4, dtype=dtype)
    assert torch.equal(frozen_linear(x, weight), F.linear(x, weight))
    with torch.autocast("cpu", torch.bfloat16):
        assert frozen_linear(x.float(), weight.float()).dtype == torch.bfloat16


@pytest.mark.parametrize("gelu", [False, True])
@pytest.mark.parametrize("kind", ["bf16", "int8"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_compact_product_is_that_of_its_weight(kind, gelu, dtype):
    layer = CompactLinear(nn.Linear(20, 30), kind)
    weight, bias = layer.weight.to(dtype), layer.bias.to(dtype)
    found, wanted = (torch.randn(5, 7, 20, dtype=dtype) for _ in range(2))
    wanted.copy_(found)
    product = frozen_linear(found.requires_grad_(), layer.weight, bias, gelu=gelu)
    expected = F.linear(wanted.requires_grad_(), weight, bias)
    expected = F.gelu(expected) if gelu else expected
    torch.testing.assert_close(product, expected)
    product.square().sum().backward()
    expected.square().sum().backward()
    torch.testing.assert_close(found.grad, wanted.grad, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize("kind", ["bf16", "int8"])
def test_nothing_of_a_compact_product_waits_for_the_backward_pass(kind, autocast):
    layers = [CompactLinear(nn.Linear(64, 64), kind) for _ in range(5)]
    x = torch.randn(1, 64, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast), LiveTensors() as tensors:
        y = x
        for layer in layers:
            y = layer(y)
        assert tensors.now < 64 * 64  # of 5 weights of 4 * 64 * 64 bytes
        assert tensors.peak < 3 * 4 * 64 * 64
    y.float().sum().backward()
    assert x.grad is not None


def test_a_compact_layer_keeps_only_its_bias():
    linear = nn.Linear(6, 4)
    layer = CompactLinear(linear, "int8")
    assert layer.bias is linear.bias
    assert {name: tensor.dtype for name, tensor in layer.state_dict().items()} == {
        "values": torch.int8, "scale": torch.float32, "bias": torch.float32,
    }  # fmt: skip
    assert (layer.in_features, layer.out_features) == (6, 4)
    torch.testing.assert_close(layer.restored().weight, linear.weight, atol=2e-3, rtol=0)
    assert CompactLinear(nn.Linear(6, 4, bias=False), "bf16").restored().bias is None
