"""How well features separate classes: gamma, neighbours, and a plane that separates models."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from lpt.errors import ShapeError
from lpt.evaluation import knn_scores
from lpt.random_streams import Stream, random_stream

__all__ = ["Compactness", "Plane", "compactness", "knn_by_group", "lda_plane"]

CHUNK_VALUES = 2**24  # numbers held at a time beside the features

Features = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Compactness:
    """Spread of classes against the room between them.

    Attributes:
        inner: mean over classes of the mean distance of their images to their centre.
        inter: mean distance between two class centres.
        classes: classes with images; the others are left out.
    """

    inner: float
    inter: float
    classes: int

    @property
    def gamma(self) -> float | None:
        """inner / inter, smaller is better; None if all centres are one point."""
        return self.inner / self.inter if self.inter else None


def compactness(features: Features, labels: Indices, num_classes: int) -> Compactness | None:
    """Inner and inter-class Euclidean distances of features; None for fewer than two classes.

    A class of one image lies on its own centre and lowers `inner`, so compare models on the same
    images only. Centres are compared a block at a time, never as a C x C matrix.

    Source: LPT (ICLR 2023), section 3.1 (gamma).
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
    """K-NN accuracy overall and on the classes of each group; None for a group without images.

    Votes as in `lpt.evaluation.knn_scores`, for some images at a time.

    Args:
        groups: class indices by name, such as `ClassGroups.members` gives.
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
    """Features of several models, projected to the two directions that tell the models apart.

    Attributes:
        names: the models (or models on data), in the order of `points`.
        points: for each name, (x, y) of each image.
        distances: (from, to, distance between the means of the two in the plane).
    """

    names: tuple[str, ...]
    points: tuple[tuple[tuple[float, float], ...], ...]
    distances: tuple[tuple[str, str, float], ...]


def lda_plane(named: Mapping[str, Features], *, most: int = 500, seed: int = 0) -> Plane | None:
    """Linear discriminant analysis where a label is a model (and its data), not a class.

    None for fewer than three names, which differ along one direction only, and for one image each.

    Args:
        named: features (n, D) by name, all of one width.
        most: images of each name, drawn by `seed`.
    Raises: ShapeError if widths differ.
    Source: LPT (ICLR 2023), figures 2 and 5.
    """
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    if len(named) < 3 or sum(map(len, named.values())) <= len(named):
        return None
    if len({values.shape[1] for values in named.values()}) > 1:
        sizes = ", ".join(f"{name} {values.shape[1]}" for name, values in named.items())
        raise ShapeError(f"LDA: features of different widths ({sizes}).")
    parts = [_some(values, most, seed) for values in named.values()]
    labels = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    lda = LinearDiscriminantAnalysis(n_components=2)
    found = lda.fit_transform(np.concatenate(parts).astype(np.float64), labels)
    plane = np.zeros((len(labels), 2))  # models whose means lie on a line have one direction
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
