"""Neighbours and class means, by hand and against scikit-learn."""

import math

import numpy as np
import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier
from torch import Tensor

from lpt.errors import ShapeError
from lpt.evaluation import (
    class_mean_accuracy,
    class_mean_scores,
    knn,
    knn_accuracy,
    knn_scores,
)


def clusters(images: int, seed: int) -> tuple[Tensor, Tensor]:
    """Overlapping clusters of four classes in eight dimensions."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(images) % 4
    centres = 2 * torch.eye(4, 8)
    return centres[labels] + torch.randn(images, 8, generator=generator), labels


def test_votes_by_hand() -> None:
    """Neighbours at cosines 1 and 0 with temperature 1 share the vote as e : 1."""
    train, labels = torch.eye(3)[:2], torch.tensor([0, 1])
    scores = knn_scores(train, labels, torch.tensor([[5.0, 0.0, 0.0]]), 3, temperature=1.0)
    share = math.e / (math.e + 1)
    torch.testing.assert_close(scores, torch.tensor([[share, 1 - share, 0.0]]))


def test_two_fair_neighbours_outvote_a_nearer_one() -> None:
    train = torch.tensor([[1.0, 0.0], [1.0, 0.1], [1.0, -0.1]])
    query = torch.tensor([[1.0, 0.0]])
    one, three = (
        knn_scores(train, torch.tensor([0, 1, 1]), query, 2, neighbours=k) for k in (1, 3)
    )
    assert one.argmax() == 0
    assert three.argmax() == 1


def test_neighbours_agree_with_scikit_learn() -> None:
    train, labels = clusters(300, seed=0)
    test, truth = clusters(200, seed=1)
    reference = KNeighborsClassifier(
        20, metric="cosine", weights=lambda distance: np.exp((1 - distance) / 0.07)
    ).fit(train, labels)
    ours = knn_scores(train, labels, test, 4)
    np.testing.assert_allclose(ours, reference.predict_proba(test), atol=1e-5)
    assert knn_accuracy(train, labels, test, truth) == pytest.approx(
        reference.score(test, truth), abs=1e-9
    )


def test_class_means_agree_with_scikit_learn() -> None:
    """Between unit vectors the nearest unit mean is the one of the largest cosine."""
    train, labels = clusters(300, seed=0)
    test, truth = clusters(200, seed=1)
    unit = torch.nn.functional.normalize(train, dim=-1)
    means = torch.stack([unit[labels == i].mean(0) for i in range(4)])
    reference = KNeighborsClassifier(1).fit(torch.nn.functional.normalize(means, dim=-1), range(4))
    expected = reference.score(torch.nn.functional.normalize(test, dim=-1), truth)
    assert class_mean_accuracy(train, labels, test, truth) == pytest.approx(expected)


def test_a_class_of_many_images_has_no_larger_mean() -> None:
    """Ten images of class 0 at 0 degrees, one of class 1 at 90: 60 degrees belongs to class 1."""
    train = torch.tensor([[1.0, 0.0]] * 10 + [[0.0, 1.0]])
    query = torch.tensor([[math.cos(math.pi / 3), math.sin(math.pi / 3)]])
    scores = class_mean_scores(train, torch.tensor([0] * 10 + [1]), query, 2)
    torch.testing.assert_close(scores, query)


def test_length_of_features_does_not_matter() -> None:
    train, labels = clusters(40, seed=0)
    test, _ = clusters(20, seed=1)
    for scores in (knn_scores, class_mean_scores):
        torch.testing.assert_close(
            scores(3 * train, labels, 0.2 * test, 4), scores(train, labels, test, 4)
        )


def test_chunks_do_not_change_the_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    train, labels = clusters(40, seed=0)
    test, _ = clusters(21, seed=1)
    whole = knn_scores(train, labels, test, 4)
    monkeypatch.setattr(knn, "CHUNK_VALUES", 200)
    torch.testing.assert_close(knn_scores(train, labels, test, 4), whole)


def test_fewer_images_than_neighbours_all_vote() -> None:
    train, labels = clusters(5, seed=0)
    scores = knn_scores(train, labels, train, 4, neighbours=20)
    torch.testing.assert_close(scores.sum(1), torch.ones(5))


def test_a_class_without_training_images_is_never_chosen() -> None:
    features, labels = torch.tensor([[1.0, 0.0]]), torch.tensor([1])
    for scores in (knn_scores, class_mean_scores):
        assert scores(features, labels, -features, 3).argmax() == 1


def test_features_need_training_images() -> None:
    train, labels = torch.zeros(0, 2), torch.zeros(0, dtype=torch.int64)
    for scores in (knn_scores, class_mean_scores):
        with pytest.raises(ShapeError, match=r"^features: "):
            scores(train, labels, torch.zeros(1, 2), 1)
