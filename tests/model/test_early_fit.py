"""The map of early matching is the best linear one, and its margin the smallest that suffices."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lpt.model.early_fit import fit_ridge, smallest_margin


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(len(shape)))


def test_a_linear_map_is_found():
    features, true = 3 * noise(200, 5) + 7, noise(2, 5)
    weight, bias = fit_ridge(features, features @ true.T + 2, strength=1e-9)
    torch.testing.assert_close(weight, true, atol=1e-4, rtol=0)
    torch.testing.assert_close(bias, torch.full((2,), 2.0), atol=1e-3, rtol=0)
    again = fit_ridge(features, features @ true.T + 2, strength=1e-9)
    assert torch.equal(weight, again[0])


def test_the_penalty_shrinks_and_bears_more_features_than_images():
    features, targets = noise(10, 50), noise(10, 1)
    norms = [fit_ridge(features, targets, s)[0].norm() for s in (0.001, 0.1, 10.0)]
    assert norms[0] > norms[1] > norms[2] > 0


def test_a_constant_feature_gets_no_weight():
    features = torch.cat([noise(50, 3), torch.full((50, 1), 4.0)], dim=1)
    weight, bias = fit_ridge(features, features[:, :1], 1e-6)
    assert torch.isfinite(weight).all()
    assert abs(float(weight[0, 3])) < 1e-3
    assert torch.isfinite(bias).all()


MARGINS = st.floats(0, 2, width=32)


@given(
    st.lists(st.tuples(MARGINS, st.booleans()), min_size=1, max_size=30),
    st.floats(0.5, 1.0),
)
def test_the_margin_reaches_the_agreement_and_no_smaller_one_does(images, agreement):
    margins = torch.tensor([margin for margin, _ in images])
    agrees = torch.tensor([same for _, same in images])
    chosen = smallest_margin(margins, agrees, agreement)

    def share(margin: float) -> float:
        return float((agrees | (margins < margin)).double().mean())

    assert share(chosen) >= agreement - 1e-6
    below = [float(m) for m in margins if m < chosen]
    assert all(share(margin) < agreement + 1e-6 for margin in below)
    if chosen == 0:
        assert float(agrees.double().mean()) == pytest.approx(share(0.0))
