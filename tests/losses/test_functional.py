"""Losses against hand-worked values, against each other, and by their gradients."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lpt.losses import functional as losses

COUNTS = torch.tensor([1000, 81, 16, 1])


def batch(classes: int = 4, size: int = 6) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(classes)
    cosine = torch.rand(size, classes, generator=generator, dtype=torch.float64) * 2 - 1
    return cosine, torch.arange(size) % classes


def test_focal_with_gamma_zero_is_cross_entropy() -> None:
    cosine, labels = batch()
    expected = losses.cross_entropy(cosine, labels)
    torch.testing.assert_close(losses.focal(cosine, labels, gamma=0.0), expected)


def test_focal_of_a_coin_toss() -> None:
    """Two equal cosines: p = 1/2, loss = (1/2)^2 log 2."""
    loss = losses.focal(torch.zeros(1, 2), torch.tensor([0]), gamma=2.0)
    assert loss.item() == pytest.approx(0.25 * math.log(2))


def test_ldam_margins_by_hand() -> None:
    """Counts 81 and 16: n^(1/4) = 3 and 2, so the margins are 1/3 and 1/2 of a maximum of 1/2."""
    counts = torch.tensor([81, 16])
    cosine, labels = torch.zeros(2, 2, dtype=torch.float64), torch.tensor([0, 1])
    loss = losses.ldam(cosine, labels, counts, scale=3.0, max_margin=0.5)
    expected = [math.log1p(math.exp(3 / 3)), math.log1p(math.exp(3 / 2))]
    torch.testing.assert_close(loss, torch.tensor(expected, dtype=torch.float64))


def test_balanced_softmax_by_hand() -> None:
    """Equal cosines, counts 3 and 1: p = 3/4 and 1/4."""
    loss = losses.balanced_softmax(torch.zeros(2, 2), torch.tensor([0, 1]), torch.tensor([3, 1]))
    torch.testing.assert_close(loss, torch.tensor([math.log(4 / 3), math.log(4)]))


@settings(deadline=None)
@given(scale=st.floats(0.5, 40), count=st.integers(1, 10_000))
def test_balanced_softmax_with_equal_counts_is_cross_entropy(scale: float, count: int) -> None:
    cosine, labels = batch()
    balanced = losses.balanced_softmax(cosine, labels, torch.full((4,), count), scale=scale)
    torch.testing.assert_close(balanced, losses.cross_entropy(cosine, labels, scale=scale))


@settings(deadline=None)
@given(scale=st.floats(0.5, 40))
def test_logit_adjustment_does_not_depend_on_scale_but_through_the_cosines(scale: float) -> None:
    _, labels = batch()
    flat = torch.zeros(6, 4, dtype=torch.float64)
    adjusted = losses.logit_adjustment(flat, labels, COUNTS, scale=scale, tau=1.5)
    frequencies = COUNTS.double().log().mul(1.5).log_softmax(0)
    torch.testing.assert_close(adjusted, -frequencies[labels])


def test_logit_adjustment_with_tau_zero_is_cross_entropy() -> None:
    cosine, labels = batch()
    adjusted = losses.logit_adjustment(cosine, labels, COUNTS, tau=0.0)
    torch.testing.assert_close(adjusted, losses.cross_entropy(cosine, labels))


@pytest.mark.parametrize(("beta", "weights"), [(0.0, [1.0, 1.0]), (0.5, [1.2, 0.8])])
def test_class_balanced_weights_by_hand(beta: float, weights: list[float]) -> None:
    """Counts 1 and 2, beta 1/2: 1/(1 - 1/2) = 2 and 1/(1 - 1/4) = 4/3, over their mean, 5/3."""
    cosine, counts = torch.zeros(2, 2, dtype=torch.float64), torch.tensor([1, 2])
    loss = losses.class_balanced(cosine, torch.tensor([0, 1]), counts, beta=beta)
    torch.testing.assert_close(loss / math.log(2), torch.tensor(weights, dtype=torch.float64))


def test_class_balanced_weights_ignore_empty_classes() -> None:
    counts = torch.tensor([1, 2, 0])
    with_empty = losses.class_balanced(
        torch.zeros(2, 3), torch.tensor([0, 1]), counts, beta=0.5
    ) / math.log(3)
    torch.testing.assert_close(with_empty, torch.tensor([1.2, 0.8]))


def test_class_balanced_with_beta_near_one_weighs_by_inverse_count() -> None:
    counts = torch.tensor([4980, 5])
    loss = losses.class_balanced(torch.zeros(2, 2), torch.tensor([0, 1]), counts, beta=1 - 1e-9)
    assert (loss[1] / loss[0]).item() == pytest.approx(4980 / 5, rel=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("exponent", [0.25, 0.5, 1.0, 3.0])
def test_power_of_complement_is_finite_where_p_rounds_to_one(
    dtype: torch.dtype, exponent: float
) -> None:
    log_p = torch.tensor([0.0, -1e-30, -1e-7, -1.0], dtype=dtype, requires_grad=True)
    value = losses.power_of_complement(log_p, exponent)
    assert isinstance(value, Tensor)
    (value * log_p).sum().backward()
    assert log_p.grad is not None
    assert log_p.grad.isfinite().all()


def test_power_of_complement_keeps_small_digits() -> None:
    """1 - exp(-1e-12) is 1e-12, which 1 - p in float32 would lose."""
    value = losses.power_of_complement(torch.tensor(-1e-12), 1.0)
    assert float(value) == pytest.approx(1e-12, rel=1e-5, abs=0)


def test_lowering_the_true_class_leaves_the_others() -> None:
    cosine, labels = batch()
    lowered = losses.lower_true_class(cosine, labels, 0.1)
    torch.testing.assert_close(cosine - lowered, 0.1 * F.one_hot(labels, 4).double())
