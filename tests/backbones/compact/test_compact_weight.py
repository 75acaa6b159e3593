"""Compact weights: at most half a step from the original, in a half and a quarter of its bytes."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lpt.backbones.compact.compact_weight import CompactWeight, expanded


@settings(max_examples=30)
@given(rows=st.integers(1, 9), columns=st.integers(1, 40), spread=st.floats(1e-6, 1e3))
def test_int8_is_at_most_half_a_step_of_its_row_away(rows, columns, spread):
    weight = spread * torch.randn(rows, columns, generator=torch.Generator().manual_seed(rows))
    step = weight.abs().amax(1, keepdim=True) / 127
    away = (CompactWeight.of(weight, "int8").to(torch.float32) - weight).abs()
    assert (away <= 0.5001 * step).all()


def test_a_large_row_does_not_coarsen_the_others():
    weight = torch.tensor([[1000.0, -3.0], [0.001, 0.002]])
    found = CompactWeight.of(weight, "int8").to(torch.float32)
    torch.testing.assert_close(found[1], weight[1], rtol=0.01, atol=0)


def test_a_row_of_zeros_stays_zero():
    found = CompactWeight.of(torch.tensor([[0.0, 0.0], [1.0, 2.0]]), "int8").to(torch.float32)
    assert found[0].tolist() == [0.0, 0.0]


def test_bf16_is_torchs_rounding():
    weight = torch.randn(5, 7)
    found = CompactWeight.of(weight, "bf16").to(torch.float32)
    assert torch.equal(found, weight.bfloat16().float())


@pytest.mark.parametrize("kind", ["bf16", "int8"])
def test_rows_are_those_of_the_whole_and_share_its_memory(kind):
    weight = CompactWeight.of(torch.randn(6, 4), kind)
    part = weight[2:5]
    assert tuple(part.shape) == (3, 4)
    assert torch.equal(part.to(torch.float64), weight.to(torch.float64)[2:5])
    assert part.values.untyped_storage().data_ptr() == weight.values.untyped_storage().data_ptr()


def test_a_tensor_is_its_own_expansion():
    weight = torch.randn(2, 3)
    assert expanded(weight) is weight
    assert expanded(CompactWeight.of(weight, "bf16")).dtype == torch.float32
