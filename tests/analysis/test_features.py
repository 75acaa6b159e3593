"""Gamma by hand, K-NN and LDA against scikit-learn."""

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.neighbors import KNeighborsClassifier

from lpt.analysis.features import compactness, knn_by_group, lda_plane
from lpt.errors import ShapeError

STREAM = np.random.default_rng(0)


def test_gamma_of_a_hand_worked_case() -> None:
    # class 0: (0,0) and (2,0), centre (1,0), both 1 away; class 2: (1,4), alone; centres 4 apart
    features = np.array([[0, 0], [2, 0], [1, 4]], dtype=np.float32)
    found = compactness(features, np.array([0, 0, 2]), num_classes=4)
    assert found is not None
    assert (found.inner, found.inter, found.classes) == pytest.approx((0.5, 4.0, 2))
    assert found.gamma == pytest.approx(0.125)


def test_gamma_does_not_change_with_scale_or_position() -> None:
    features = STREAM.normal(size=(60, 5)).astype(np.float32)
    labels = np.arange(60) % 4
    one = compactness(features, labels, 4)
    two = compactness(3 * features + 7, labels, 4)
    assert one is not None
    assert two is not None
    assert one.gamma == pytest.approx(two.gamma, rel=1e-4)


def test_distances_of_many_classes_are_the_pairwise_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lpt.analysis.features.CHUNK_VALUES", 50)
    features = STREAM.normal(size=(90, 3)).astype(np.float32)
    labels = np.arange(90) % 20
    centres = np.array([features[labels == c].mean(axis=0) for c in range(20)])
    apart = [np.linalg.norm(a - b) for i, a in enumerate(centres) for b in centres[:i]]
    inner = [np.linalg.norm(features[labels == c] - centres[c], axis=1).mean() for c in range(20)]
    found = compactness(features, labels, 20)
    assert found is not None
    assert (found.inner, found.inter) == pytest.approx((np.mean(inner), np.mean(apart)), rel=1e-5)


def test_one_class_has_no_gamma_and_equal_centres_neither() -> None:
    assert compactness(np.ones((3, 2), dtype=np.float32), np.zeros(3, dtype=int), 2) is None
    same = compactness(np.ones((4, 2), dtype=np.float32), np.array([0, 0, 1, 1]), 2)
    assert same is not None
    assert same.gamma is None


def test_knn_equals_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lpt.analysis.features.CHUNK_VALUES", 25)
    bank = STREAM.normal(size=(80, 4)).astype(np.float32)
    asked = STREAM.normal(size=(40, 4)).astype(np.float32)
    bank_labels, labels = np.arange(80) % 5, STREAM.integers(4, size=40)
    other = KNeighborsClassifier(
        20, metric="cosine", weights=lambda distance: np.exp((1 - distance) / 0.07)
    ).fit(bank, bank_labels)
    right = other.predict(asked) == labels
    groups = {"many": np.array([0, 1]), "few": np.array([2, 3]), "medium": np.array([4])}
    found = knn_by_group(bank, bank_labels, asked, labels, groups, 5)
    assert found["overall"] == pytest.approx(right.mean())
    assert found["many"] == pytest.approx(right[labels < 2].mean())
    assert found["few"] == pytest.approx(right[(labels == 2) | (labels == 3)].mean())
    assert found["medium"] is None  # no asked image is of class 4


def test_plane_is_scikit_learns_lda_of_models() -> None:
    named = {n: (STREAM.normal(size=(30, 6)) + i).astype(np.float32) for i, n in enumerate("abc")}
    found = lda_plane(named)
    assert found is not None
    stacked = np.concatenate(list(named.values())).astype(np.float64)
    labels = np.repeat([0, 1, 2], 30)
    expected = LinearDiscriminantAnalysis(n_components=2).fit_transform(stacked, labels)
    np.testing.assert_allclose(np.concatenate(found.points), expected, atol=1e-4)
    means = [expected[labels == i].mean(axis=0) for i in range(3)]
    assert [(a, b) for a, b, _ in found.distances] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert found.distances[1][2] == pytest.approx(np.linalg.norm(means[0] - means[2]))


def test_plane_takes_the_same_images_of_each_model() -> None:
    features = STREAM.normal(size=(50, 4)).astype(np.float32)
    named = {"a": features, "b": features + 1, "c": features * 2}
    found = lda_plane(named, most=10)
    assert found is not None
    assert [len(points) for points in found.points] == [10, 10, 10]
    assert found == lda_plane(named, most=10)


def test_plane_needs_three_models_of_one_width() -> None:
    features = STREAM.normal(size=(10, 4)).astype(np.float32)
    assert lda_plane({"a": features, "b": features}) is None
    with pytest.raises(ShapeError, match="c 3"):
        lda_plane({"a": features, "b": features, "c": features[:, :3]})
