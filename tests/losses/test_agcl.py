"""A-GCL against golden values of the authors' form, against hand-worked ones, and at its traps."""

import json
import math
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from torch import Tensor

from lpt.losses import AGCL_PAPER, AGCL_RELEASED, AGCLSettings, agcl, build_loss, draw_noise, gcl
from lpt.losses.agcl import rarity
from lpt.losses.functional import cross_entropy

# Computed by a reference implementation of the authors' released form; two sets of lambdas.
GOLDEN = Path(__file__).parents[1] / "golden" / "agcl.safetensors"
COUNTS = torch.tensor([100, 10, 1])


def with_settings(
    settings: AGCLSettings, cosine: Tensor, labels: Tensor, counts: Tensor, noise: Tensor
) -> Tensor:
    return agcl(cosine, labels, counts, noise=noise, **asdict(settings))


def batch(dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    cosine = torch.rand(5, 3, generator=generator, dtype=dtype) * 2 - 1
    noise = draw_noise((5, 3), generator=generator, dtype=dtype)
    return cosine, torch.tensor([0, 1, 2, 0, 2]), noise


@pytest.mark.parametrize("setting", [0, 1])
def test_released_form_equals_the_golden_loss_and_gradient(setting: int) -> None:
    with safe_open(GOLDEN, "pt") as golden:
        options = json.loads(golden.metadata()["configs"])[setting]
        names = ("in.cosine_logits", "in.labels", "in.class_counts")
        cosine, labels, counts = (golden.get_tensor(name) for name in names)
        noise, loss, grad = (golden.get_tensor(f"{setting}.{n}") for n in ("noise", "loss", "grad"))
    cosine.requires_grad_()
    loss_of = build_loss("agcl", counts, **options, normalise_shift=True)
    ours = loss_of(cosine, labels, noise).mean()
    ours.backward()
    assert abs(ours.item() - loss.item()) < 1e-5
    assert cosine.grad is not None
    assert (cosine.grad - grad).abs().max() < 1e-5


def test_released_preset_is_the_first_golden_setting() -> None:
    with safe_open(GOLDEN, "pt") as golden:
        options = json.loads(golden.metadata()["configs"])[0]
    assert asdict(AGCL_RELEASED) == {**options, "normalise_shift": True}


def test_paper_form_by_hand() -> None:
    """Two classes with 7 images and 1, one image of the rare class.

    shift = (0, log 7); with cosines (0.2, 0.5) and noise (-0.3, 0.1) the scores are
    20 * 0.2 = 4 and 20 * (0.5 - 0.1 log 7) = 10 - 2 log 7, their difference d = 6 - 2 log 7,
    p = 1 / (1 + e^-d) and loss = -log p - (1 - p)^4 log(1 - p).
    """
    difference = 6 - 2 * math.log(7)
    p = 1 / (1 + math.exp(-difference))
    expected = -math.log(p) - (1 - p) ** 4 * math.log(1 - p)
    loss = with_settings(
        AGCL_PAPER,
        torch.tensor([[0.2, 0.5]], dtype=torch.float64),
        torch.tensor([1]),
        torch.tensor([7, 1]),
        torch.tensor([[-0.3, 0.1]], dtype=torch.float64),
    )
    assert loss.item() == pytest.approx(expected, rel=1e-12)


def test_released_form_by_hand() -> None:
    """As above with shift (0, 1), half the noise, margin 0.1 and smoothing 0.1 over two classes."""
    difference = 20 * (0.5 - 0.5 * 0.1 - 0.1) - 20 * 0.2
    p = 1 / (1 + math.exp(-difference))
    expected = -0.95 * math.log(p) - 0.05 * (1 - p) ** 4 * math.log(1 - p)
    loss = with_settings(
        AGCL_RELEASED,
        torch.tensor([[0.2, 0.5]], dtype=torch.float64),
        torch.tensor([1]),
        torch.tensor([7, 1]),
        torch.tensor([[-0.3, 0.1]], dtype=torch.float64),
    )
    assert loss.item() == pytest.approx(expected, rel=1e-12)


def test_positive_focal_factor_by_hand() -> None:
    """Equal cosines of two classes: p = 1/2; lambda_pos 2, lambda_neg 1 give (1/4 + 1/2) log 2."""
    loss = agcl(
        torch.zeros(1, 2),
        torch.tensor([0]),
        torch.tensor([1, 1]),
        margin=0.0,
        noise_scale=1.0,
        normalise_shift=False,
        lambda_pos=2.0,
        lambda_neg=1.0,
        label_smoothing=None,
    )
    assert loss.item() == pytest.approx(0.75 * math.log(2))


@settings(deadline=None)
@given(lambda_neg=st.floats(0, 8), margin=st.floats(0, 0.3), scale=st.floats(1, 40))
def test_gcl_is_agcl_without_negative_terms(lambda_neg: float, margin: float, scale: float) -> None:
    cosine, labels, noise = batch()
    asymmetric = agcl(
        cosine,
        labels,
        COUNTS,
        noise=noise,
        scale=scale,
        margin=margin,
        noise_scale=0.5,
        normalise_shift=True,
        lambda_pos=0.0,
        lambda_neg=lambda_neg,
        label_smoothing=0.0,
    )
    plain = gcl(cosine, labels, COUNTS, noise=noise, scale=scale, margin=margin)
    torch.testing.assert_close(plain, asymmetric)


def test_gcl_without_noise_is_cross_entropy() -> None:
    cosine, labels, _ = batch()
    expected = cross_entropy(cosine, labels)
    torch.testing.assert_close(gcl(cosine, labels, COUNTS), expected)


@settings(deadline=None)
@given(smoothing=st.floats(0, 1))
def test_agcl_with_zero_lambdas_is_smoothed_cross_entropy(smoothing: float) -> None:
    cosine, labels, _ = batch()
    ours = agcl(
        cosine,
        labels,
        COUNTS,
        margin=0.0,
        noise_scale=0.5,
        normalise_shift=True,
        lambda_pos=0.0,
        lambda_neg=0.0,
        label_smoothing=smoothing,
    )
    theirs = torch.nn.functional.cross_entropy(
        20 * cosine, labels, label_smoothing=smoothing, reduction="none"
    )
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("settings", [AGCL_PAPER, AGCL_RELEASED])
def test_only_the_size_of_the_noise_counts(settings: AGCLSettings) -> None:
    cosine, labels, noise = batch()
    torch.testing.assert_close(
        with_settings(settings, cosine, labels, COUNTS, noise),
        with_settings(settings, cosine, labels, COUNTS, -noise),
    )


@pytest.mark.parametrize("settings", [AGCL_PAPER, AGCL_RELEASED])
def test_zero_noise_equals_no_noise(settings: AGCLSettings) -> None:
    cosine, labels, noise = batch()
    torch.testing.assert_close(
        with_settings(settings, cosine, labels, COUNTS, torch.zeros_like(noise)),
        agcl(cosine, labels, COUNTS, **asdict(settings)),
    )


def test_noise_hurts_the_rare_class_and_spares_the_most_frequent() -> None:
    cosine, labels = torch.zeros(2, 2), torch.tensor([0, 1])
    noise = torch.full((2, 2), 0.5)
    frequent, rare = gcl(cosine, labels, torch.tensor([100, 1]), noise=noise)
    assert frequent < math.log(2) < rare


@pytest.mark.parametrize("normalise", [True, False])
def test_equal_counts_have_no_shift(normalise: bool) -> None:
    shift = rarity(torch.tensor([7, 7, 7]), torch.float32, normalise=normalise)
    assert shift.tolist() == [0, 0, 0]


def test_shift_of_an_empty_class_is_that_of_a_single_image() -> None:
    shift = rarity(torch.tensor([50, 1, 0]), torch.float64, normalise=False)
    assert shift.tolist() == pytest.approx([0, math.log(50), math.log(50)])


@settings(deadline=None)
@given(st.lists(st.integers(0, 10**7), min_size=1, max_size=20))
def test_normalised_shift_lies_between_zero_and_one(counts: list[int]) -> None:
    shift = rarity(torch.tensor(counts), torch.float32, normalise=True)
    assert shift.min() == 0
    assert shift.max() in (0, 1)


def test_noise_is_clamped_and_has_a_third_of_spread() -> None:
    noise = draw_noise((1000, 100), generator=torch.Generator().manual_seed(0))
    assert noise.abs().max() == 1
    assert noise.mean().item() == pytest.approx(0, abs=0.01)
    # Clamping at three standard deviations reduces 1/3 by about half a percent.
    assert noise.std().item() == pytest.approx(1 / 3, rel=0.02)


def test_noise_repeats_with_its_generator_and_has_the_type_asked_for() -> None:
    first, second = (
        draw_noise((2, 3), generator=torch.Generator().manual_seed(5), dtype=torch.float64)
        for _ in range(2)
    )
    assert torch.equal(first, second)
    assert first.dtype == torch.float64
