"""Separation of classes in feature space: gamma and K-NN; separation of models: an LDA plane."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from lpt.errors import ShapeError
from lpt.evaluation import knn_scores
from lpt.random_streams import Stream, random_stream

__all__ = ["Compactness", "Plane", "compactness", "knn_by_group", "lda_plane"]

CHUNK_VALUES = 2**24  # numbers in memory at a time besides the features

Features = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Compactness:
    """Spread of the classes relative to the distance between them.

    Attributes:
        inner: mean over classes of the mean distance of their images to their centre.
        inter: mean distance between two class centres.
        classes: number of classes with images; the others are left out.
    """

    inner: float
    inter: float
    classes: int

    @property
    def gamma(self) -> float | None:
        """inner / inter, lower is better; None if all centres coincide."""
        return self.inner / self.inter if self.inter else None


def compactness(features: Features, labels: Indices, num_classes: int) -> Compactness | None:
    """Compute inner- and inter-class Euclidean distances; None for fewer than two classes.

    A class with one image coincides with its centre and lowers `inner`, so compare models on the
    same images only. Memory: centres are compared in blocks, never as a C x C matrix.

    Args:
        features: (n, D).
        labels: (n,).
        num_classes: C.
    Source: LPT (ICLR 2023), section 3.1 (gamma).

    Class 0 has its centre at (1, 0), class 1 consists of (1, 4):

    >>> features = np.array([[0, 0], [2, 0], [1, 4]], dtype=np.float32)
    >>> found = compactness(features, np.array([0, 0, 1]), num_classes=2)
    >>> print(found.inner, found.inter, found.gamma)
    0.5 4.0 0.125
    """
    counts = np.bincount(labels, minlength=num_classes)
    present = np.flatnonzero(counts)
    if len(present) < 2:
        return None
    row = np.zeros(num_classes, dtype=np.int64)
    row[present] = np.arange(len(present))
    own = torch.from_numpy(row[labels])
    values = torch.from_numpy(features)
    centres = torch.zeros(len(present), values.shape[1], dtype=torch.float64)
    rows = max(1, CHUNK_VALUES // max(values.shape[1], len(present)))
    for start in range(0, len(values), rows):
        part = slice(start, start + rows)
        centres.index_add_(0, own[part], values[part].double())
    centres /= torch.from_numpy(counts[present])[:, None]
    distance = torch.zeros(len(present), dtype=torch.float64)
    for start in range(0, len(values), rows):
        part = slice(start, start + rows)
        distance.index_add_(0, own[part], (values[part] - centres[own[part]]).norm(dim=1))
    between = sum(
        float(torch.cdist(centres[start : start + rows], centres).sum())
        for start in range(0, len(centres), rows)
    )
    inner = float((distance / torch.from_numpy(counts[present])).mean())
    return Compactness(inner, between / (len(present) * (len(present) - 1)), len(present))


def knn_by_group(
    bank: Features,
    bank_labels: Indices,
    features: Features,
    labels: Indices,
    groups: Mapping[str, Indices],
    num_classes: int,
) -> dict[str, float | None]:
    """Compute K-NN accuracy overall and by shot group; None for a group without images.

    Votes are those of `lpt.evaluation.knn_scores`, computed for some images at a time.

    Args:
        bank: (m, D) features of training images.
        bank_labels: (m,).
        features: (n, D).
        labels: (n,).
        groups: class indices by name, as `ClassGroups.members` returns them.
        num_classes: C.

    >>> train, test = np.eye(2, dtype=np.float32), np.array([[1, 0.1], [1, 0.2]], dtype=np.float32)
    >>> shot_groups = {"many": np.array([0]), "few": np.array([1])}
    >>> knn_by_group(train, np.array([0, 1]), test, np.array([0, 1]), shot_groups, num_classes=2)
    {'overall': 0.5, 'many': 1.0, 'few': 0.0}
    """
    chosen = np.empty_like(labels)
    rows = max(1, CHUNK_VALUES // num_classes)
    bank_tensor, votes_for = torch.from_numpy(bank), torch.from_numpy(bank_labels)
    for start in range(0, len(labels), rows):
        part = slice(start, start + rows)
        asked = torch.from_numpy(features[part])
        chosen[part] = knn_scores(bank_tensor, votes_for, asked, num_classes).argmax(1).numpy()
    right = chosen == labels
    inside = {name: np.isin(labels, ids) for name, ids in groups.items()}
    return {
        "overall": float(right.mean()),
        **{name: float(right[own].mean()) if own.any() else None for name, own in inside.items()},
    }


@dataclass(frozen=True)
class Plane:
    """Features of several models, projected to the two directions that best separate the models.

    Attributes:
        names: models, or pairs of model and data, in the order of `points`.
        points: (x, y) of each image, by name.
        distances: (one name, another name, distance between their means in the plane).
    """

    names: tuple[str, ...]
    points: tuple[tuple[tuple[float, float], ...], ...]
    distances: tuple[tuple[str, str, float], ...]


def lda_plane(named: Mapping[str, Features], *, most: int = 500, seed: int = 0) -> Plane | None:
    """Run a linear discriminant analysis whose labels are models (and data), not classes.

    Args:
        named: features (n, D) by name, all with the same D.
        most: maximum of images per name, sampled by `seed`.
        seed: of the sample.
    Returns: the plane; None for fewer than three names, which differ in one direction only, or if
        each name has one image.
    Raises: ShapeError if widths differ.
    Source: LPT (ICLR 2023), figures 2 and 5.
    """
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    if len(named) < 3 or sum(map(len, named.values())) <= len(named):
        return None
    if len({values.shape[1] for values in named.values()}) > 1:
        sizes = ", ".join(f"{name} {values.shape[1]}" for name, values in named.items())
        raise ShapeError(
            f"LDA: features have different widths ({sizes}). Give features of one backbone."
        )
    parts = [_some(values, most, seed) for values in named.values()]
    labels = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    lda = LinearDiscriminantAnalysis(n_components=2)
    found = lda.fit_transform(np.concatenate(parts).astype(np.float64), labels)
    plane = np.zeros((len(labels), 2))  # a single direction if the means lie on a line
    plane[:, : found.shape[1]] = found
    centres = np.array([plane[labels == i].mean(axis=0) for i in range(len(parts))])
    names = tuple(named)
    return Plane(
        names,
        tuple(
            tuple((round(float(x), 4), round(float(y), 4)) for x, y in plane[labels == i])
            for i in range(len(parts))
        ),
        tuple(
            (names[i], names[j], float(np.linalg.norm(centres[i] - centres[j])))
            for i in range(len(names))
            for j in range(i + 1, len(names))
        ),
    )


def _some(values: Features, most: int, seed: int) -> Features:
    if len(values) <= most:
        return values
    return values[
        np.sort(random_stream(seed, Stream.FEATURE_SUBSET).permutation(len(values))[:most])
    ]
