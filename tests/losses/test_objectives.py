"""The objectives of the two phases: what is added to what, with which weight."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lpt.losses import (
    PHASE2_PAPER,
    PHASE2_RELEASED,
    build_loss,
    classification_objective,
    draw_noise,
    eta_weight,
    instance_loss,
    loss_names,
    mixed,
    phase2_objective,
)

COUNTS = torch.tensor([100, 10, 1])
LABELS = torch.tensor([0, 1, 2, 1])
PARTNERS = torch.tensor([2, 0, 1, 1])


def cosines() -> Tensor:
    return torch.rand(4, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def test_phase_one_is_the_mean_over_images() -> None:
    loss = build_loss("ce", COUNTS)
    terms = classification_objective(loss, cosines(), LABELS)
    assert dict(terms.weights) == {"classification": 1.0}
    torch.testing.assert_close(terms.total, loss(cosines(), LABELS).mean())


def test_phase_one_passes_noise_on() -> None:
    loss, noise = build_loss("agcl", COUNTS), draw_noise((4, 3), dtype=torch.float64)
    terms = classification_objective(loss, cosines(), LABELS, noise)
    torch.testing.assert_close(terms.total, loss(cosines(), LABELS, noise).mean())


def test_phase_two_by_hand() -> None:
    """beta 0.25, matched cosines of mean 0.4, key weight 2: 0.25 * L + 2 * 0.25 * 0.6."""
    loss = build_loss("ce", COUNTS)
    classification = loss(cosines(), LABELS).mean()
    similarity = torch.tensor([[0.5, 0.3]]).double().expand(4, 2)
    terms = phase2_objective(
        loss,
        cosines(),
        LABELS,
        similarity,
        beta=0.25,
        settings=replace(PHASE2_RELEASED, key_weight=2.0),
    )
    torch.testing.assert_close(terms["classification"], classification)
    assert terms["key"].item() == pytest.approx(0.6)
    assert terms.total.item() == pytest.approx(0.25 * classification.item() + 2 * 0.25 * 0.6)


def test_the_paper_does_not_weigh_the_key_term() -> None:
    loss, similarity = build_loss("ce", COUNTS), torch.full((4, 2), 0.4).double()
    paper, released = (
        phase2_objective(loss, cosines(), LABELS, similarity, beta=0.25, settings=settings)
        for settings in (PHASE2_PAPER, PHASE2_RELEASED)
    )
    assert (paper.weights["key"], released.weights["key"]) == (1.0, 0.25)


def test_the_key_gradient_does_not_depend_on_how_many_keys_match() -> None:
    """Each image pulls with total weight 1 / B, shared among its T keys."""
    for matched in (1, 2, 5):
        similarity = torch.zeros(4, matched, dtype=torch.float64, requires_grad=True)
        terms = phase2_objective(
            build_loss("ce", COUNTS), cosines(), LABELS, similarity, settings=PHASE2_RELEASED
        )
        terms.total.backward()
        assert similarity.grad is not None
        torch.testing.assert_close(similarity.grad, torch.full_like(similarity, -1 / (4 * matched)))


def test_instance_branch_takes_other_lambdas_in_the_released_code_only() -> None:
    loss = build_loss("agcl", COUNTS)
    released = instance_loss(loss, PHASE2_RELEASED)
    assert (released.options["lambda_pos"], released.options["lambda_neg"]) == (0.5, 8.0)
    assert instance_loss(loss, PHASE2_PAPER) is loss


@pytest.mark.parametrize("name", sorted(set(loss_names()) - {"agcl"}))
def test_losses_without_lambdas_serve_both_branches(name: str) -> None:
    loss = build_loss(name, COUNTS)
    assert instance_loss(loss, PHASE2_RELEASED) is loss


def test_instance_weight_decays_linearly_and_stays_above_zero() -> None:
    assert [eta_weight(0.5, epoch, 4) for epoch in range(4)] == [0.5, 0.375, 0.25, 0.125]


@pytest.mark.parametrize("name", loss_names())
def test_mixup_ends_are_the_plain_losses(name: str) -> None:
    loss, noise = build_loss(name, COUNTS), draw_noise((4, 3), dtype=torch.float64)
    own = mixed(loss, cosines(), LABELS, PARTNERS, 1.0, noise)
    torch.testing.assert_close(own, loss(cosines(), LABELS, noise))
    other = mixed(loss, cosines(), LABELS, PARTNERS, 0.0, noise)
    torch.testing.assert_close(other, loss(cosines(), PARTNERS, noise))


@settings(deadline=None)
@given(lam=st.floats(0, 1))
def test_mixup_of_cross_entropy_is_cross_entropy_of_blended_labels(lam: float) -> None:
    blended = lam * torch.eye(3).double()[LABELS] + (1 - lam) * torch.eye(3).double()[PARTNERS]
    expected = torch.nn.functional.cross_entropy(20 * cosines(), blended, reduction="none")
    ours = mixed(build_loss("ce", COUNTS), cosines(), LABELS, PARTNERS, lam)
    torch.testing.assert_close(ours, expected)


def test_both_halves_of_mixup_see_the_same_noise() -> None:
    loss, noise = build_loss("gcl", COUNTS), torch.ones(4, 3, dtype=torch.float64)
    halves = loss(cosines(), LABELS, noise) + loss(cosines(), PARTNERS, noise)
    terms = classification_objective(
        loss, cosines(), LABELS, noise, partner_labels=PARTNERS, lam=0.5
    )
    torch.testing.assert_close(terms.total, halves.mean() / 2)


def test_mixup_takes_a_share_for_each_image_in_both_phases() -> None:
    loss, shares = build_loss("ce", COUNTS), torch.tensor([0.0, 0.3, 0.7, 1.0]).double()
    expected = mixed(loss, cosines(), LABELS, PARTNERS, shares).mean()
    first = classification_objective(loss, cosines(), LABELS, partner_labels=PARTNERS, lam=shares)
    second = phase2_objective(
        loss,
        cosines(),
        LABELS,
        torch.ones(4, 2).double(),
        settings=PHASE2_RELEASED,
        partner_labels=PARTNERS,
        lam=shares,
    )
    torch.testing.assert_close(first.total, expected)
    torch.testing.assert_close(second.total, expected)


def test_terms_read_like_a_mapping() -> None:
    loss, similarity = build_loss("ce", COUNTS), torch.ones(4, 1).double()
    terms = phase2_objective(loss, cosines(), LABELS, similarity, settings=PHASE2_RELEASED)
    assert list(terms) == ["classification", "key"]
    assert len(terms) == 2
