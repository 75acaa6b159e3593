"""Deferred re-weighting leaves GCL as it is at first, and then weighs rare classes more."""

import pytest
import torch

from lpt.losses import build_loss, draw_noise
from lpt.records import Progress

COUNTS = torch.tensor([90, 9, 1])
LABELS = torch.tensor([0, 1, 2, 0])
GCL = {"scale": 25.0, "margin": 0.1, "noise_scale": 1.0}


def cosines() -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(4, 3, generator=generator, dtype=torch.float64)


def weights(epoch: int, epochs: int, **options: float) -> torch.Tensor:
    """Ratio of the loss to GCL."""
    noise = draw_noise((4, 3), dtype=torch.float64)
    own = build_loss("gcl-drw", COUNTS, **options)
    values = own(cosines(), LABELS, noise, progress=Progress(epoch, epochs))
    return values / build_loss("gcl", COUNTS, **GCL)(cosines(), LABELS, noise)


def test_most_epochs_are_those_of_gcl():
    assert (weights(59, 70) == 1).all()
    assert (weights(60, 70) != 1).all()


def test_weights_are_inverse_effective_numbers_that_average_one_over_the_images():
    found = weights(19, 20, beta=0.9)[:3]
    expected = torch.tensor([1 / (1 - 0.9**n) for n in COUNTS.tolist()], dtype=torch.float64)
    torch.testing.assert_close(found / found[0], expected / expected[0])
    assert float((found * COUNTS).sum() / COUNTS.sum()) == pytest.approx(1)


def test_the_last_epoch_of_a_short_training_is_weighted():
    assert (weights(2, 4) == 1).all()
    assert (weights(3, 4) != 1).all()


def test_without_progress_there_are_no_weights():
    own = build_loss("gcl-drw", COUNTS, noise_scale=0.0)(cosines(), LABELS)
    torch.testing.assert_close(own, build_loss("gcl", COUNTS, **GCL)(cosines(), LABELS))
