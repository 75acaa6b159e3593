"""A linear probe tells classes apart that class means confuse, and leaves absent classes alone."""

import torch
import torch.nn.functional as F

from lpt.model.classifier import class_means
from lpt.training.phases import probe
from lpt.training.phases.probe import fit_probe


def noisy_classes(images: list[int], seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Features of classes that differ in small directions, beside loud common noise."""
    draw = torch.Generator().manual_seed(seed)
    labels = torch.repeat_interleave(torch.arange(len(images)), torch.tensor(images))
    signal = 0.5 * F.one_hot(labels, 16).float()
    noise = torch.randn(len(labels), 16, generator=draw)
    noise[:, 8:] *= 3  # the last eight entries say nothing about a class
    noise[:, :8] *= 0.2
    return 4 + signal + 0.3 * noise, labels


def accuracy(directions: torch.Tensor, features: torch.Tensor, labels: torch.Tensor) -> float:
    """Share of features whose nearest direction is that of their class."""
    cosines = F.normalize(features, dim=1) @ F.normalize(directions, dim=1).T
    return (cosines.argmax(1) == labels).float().mean().item()


def test_a_probe_separates_classes_better_than_their_means():
    features, labels = noisy_classes([40, 10, 3])
    asked, truth = noisy_classes([50, 50, 50], seed=1)
    means = accuracy(class_means(features, labels, 3), asked, truth)
    assert accuracy(fit_probe(features, labels, 3), asked, truth) > means + 0.05


def test_directions_have_unit_length_and_absent_classes_stay_zero():
    features, labels = noisy_classes([5, 3])
    found = fit_probe(features, labels * 2, num_classes=4)
    torch.testing.assert_close(found.norm(dim=1), torch.tensor([1.0, 0.0, 1.0, 0.0]))


def test_one_class_alone_keeps_its_mean():
    features, labels = noisy_classes([6])
    torch.testing.assert_close(
        fit_probe(features, labels, 1), F.normalize(class_means(features, labels, 1), dim=1)
    )


def test_many_images_are_drawn_by_seed(monkeypatch):
    features, labels = noisy_classes([40, 10, 3])
    asked, truth = noisy_classes([50, 50, 50], seed=1)
    means = accuracy(class_means(features, labels, 3), asked, truth)
    monkeypatch.setattr(probe, "MOST_IMAGES", 16)
    first, again, other = (fit_probe(features, labels, 3, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert accuracy(first, asked, truth) > means


def test_gradients_are_taken_where_they_are_switched_off():
    features, labels = noisy_classes([8, 8])
    with torch.no_grad():
        found = fit_probe(features, labels, 2)
    assert torch.equal(found, fit_probe(features, labels, 2))
