r"""The direction of a class that was not trained, from a few photos of it.

The mean feature of the photos is no such direction: features of all classes share most of their
length, so the cosine of any image with a mean feature is near 1, while trained directions give
cosines near 0 to images of other classes. A class added as a mean would take every image.

So the new class is made to score as the trained ones do. Its direction is

    w = a d + b m + r e,

with three orthogonal unit vectors: m, the mean of the features of the old classes; d, the direction
in which the photos differ from them, with the features whitened within classes; and e, in which
features hardly vary. For any image, b m adds an offset, a scales, and r e only makes w a unit
vector. a and b are such that photos of the class score as images of old classes score for their own
class on average, and all others as they score for other classes. Features that were not trained on
lie less close together, so with two photos or more, each photo is also compared with the direction
that the others give: b is raised until as large a share of them is found as of images of old
classes. With one photo, b is raised until half of the allowed loss is used. In the end it is
lowered until the old classes lose at most what is allowed.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lpt.errors import DataError, ShapeError

__all__ = ["OldImages", "PlacedClass", "place_class"]

Floats = npt.NDArray[np.float64]

SHRINKAGE = 0.6
"""Weight of the identity in the covariance within classes; 1 compares plain means."""

HALVINGS = 30
FLOOR = 0.5
"""Smallest cosine of a left-out photo with the direction of the others, as a share of what images
of old classes have; a few photos that differ much say little about it."""

ONE_PHOTO = 0.5
"""Share of the allowed loss that a class of one photo uses, as no photo can be left out."""

MOST_LEFT_OUT = 100
"""Photos that are compared with the direction of the others."""

NO_DIFFERENCE = 1e-6  # of unit features in float32


@dataclass(frozen=True)
class OldImages:
    """Features and cosines of images of the old classes.

    Attributes:
        features: (n, D).
        cosines: (n, C) with the directions of the old classes.
        labels: (n,) their classes.
    """

    features: npt.NDArray[np.float32]
    cosines: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]


@dataclass(frozen=True)
class PlacedClass:
    """Where a new class was placed, and what it does.

    Attributes:
        direction: (D,) unit vector.
        images: number of photos.
        own: how many of the photos are predicted as the new class. They were used to place it.
        old_images: number of images that the cost was measured on.
        old_right: how many of these were predicted correctly before.
        lost: how many of those are predicted as the new class now.
    """

    direction: npt.NDArray[np.float32]
    images: int
    own: int
    old_images: int
    old_right: int
    lost: int


def place_class(
    photos: npt.NDArray[np.float32],
    photo_cosines: npt.NDArray[np.float32],
    old: OldImages,
    measured: OldImages,
    *,
    most_lost: float,
    shrinkage: float = SHRINKAGE,
) -> PlacedClass:
    """Place a new class among the directions of a classifier.

    Args:
        photos: (k, D) features of photos of the new class.
        photo_cosines: (k, C) their cosines with the old classes.
        old: images of old classes that say what features of other classes look like.
        measured: images that cosines and losses are measured on; best ones that were not trained
            on.
        most_lost: largest share of `measured` that may be predicted as the new class although it
            was predicted correctly before. The offset b is lowered until it holds.
        shrinkage: of the covariance within classes, in (0, 1].
    Returns: the direction and its effect.
    Raises: DataError if the photos do not differ from the old images; ShapeError if sizes differ.
    Source: ours. Whitened means: Mahalanobis distances of class-incremental learning (Goswami et
        al., FeCAM, NeurIPS 2023).
    """
    if photos.ndim != 2 or photos.shape[1] != old.features.shape[1] or not len(photos):
        raise ShapeError(f"photos {photos.shape} for features {old.features.shape}")
    new, others, seen = _unit(photos), _unit(old.features), _unit(measured.features)
    space = _Space.of(others, old.labels, shrinkage)
    toward = space.difference(new.mean(axis=0))
    fresh = None if measured is old else (seen, measured.labels)
    own_cosine = space.expected_own(others, old.labels, len(new), fresh)
    left_out = space.left_out(new[:MOST_LEFT_OUT])
    if left_out is not None:
        own_cosine = max(float(left_out.mean()), FLOOR * (own_cosine or 0.0))
    true, other = _mean_cosines(measured)
    at_mean = float(_class_mean(seen @ space.mean, measured.labels))
    elsewhere = float(_class_mean(seen @ toward, measured.labels))
    own_at_mean = float((new @ space.mean).mean())
    if own_cosine is None:
        own_cosine = float((new @ toward).mean())
    system = np.array([[own_cosine, own_at_mean], [elsewhere, at_mean]])
    scale, offset = np.linalg.lstsq(system, np.array([true, other]), rcond=None)[0]
    scale = max(float(scale), 0.0)
    quiet = _quiet_direction(np.vstack([others, new]), space.mean, toward)

    def direction(down: float) -> Floats:
        along = scale * toward + (offset - down) * space.mean
        length = float(np.linalg.norm(along))
        rest = np.sqrt(max(0.0, 1 - length**2))
        made: Floats = (along + rest * quiet) / max(length, 1.0)
        return made

    rows = np.arange(len(seen))
    right = measured.cosines.argmax(axis=1) == measured.labels
    bar = measured.cosines[rows, measured.labels]

    def lost(down: float) -> int:
        return int((right & (seen @ direction(down) > bar)).sum())

    if left_out is None:
        spent = int(ONE_PHOTO * most_lost * len(seen))
        down = -_last(lambda up: lost(-up) <= spent, 0.0, 1.0)
    else:
        some = new[: len(left_out)]
        bars = photo_cosines[: len(left_out)].max(axis=1)
        wanted = float(_class_mean(right.astype(np.float64), measured.labels))

        def found(down: float) -> bool:
            along = scale * left_out + (offset - down) * (some @ space.mean)
            length = max(1.0, float(np.hypot(scale, offset - down)))
            return float((along / length > bars).mean()) >= wanted

        down = _last(found, -1.0, 0.0)
    most = int(most_lost * len(seen))
    down = -_last(lambda up: lost(-up) <= most, -2.0, -down)
    final = direction(down)
    own = int((new @ final > photo_cosines.max(axis=1)).sum())
    return PlacedClass(
        final.astype(np.float32), len(new), own, len(seen), int(right.sum()), lost(down)
    )


@dataclass(frozen=True)
class _Space:
    """What features of old classes have in common: their mean, and how they vary within a class."""

    centre: Floats
    mean: Floats
    whitening: Floats

    @classmethod
    def of(cls, features: Floats, labels: npt.NDArray[np.int64], shrinkage: float) -> "_Space":
        means = {int(c): features[labels == c].mean(axis=0) for c in np.unique(labels)}
        centre = np.mean(list(means.values()), axis=0)
        within = features - np.stack([means[int(c)] for c in labels])
        freedom = max(1, len(features) - len(means))
        covariance = within.T @ within / freedom
        spread = max(float(np.trace(covariance)) / len(centre), 1e-12)
        mixed = (1 - shrinkage) * covariance + shrinkage * spread * np.eye(len(centre))
        return cls(centre, _normalised(centre), np.linalg.inv(mixed))

    def difference(self, mean: Floats) -> Floats:
        """Unit direction in which a class mean differs from the centre, orthogonal to `mean`."""
        apart = mean - self.centre
        if np.linalg.norm(apart - (apart @ self.mean) * self.mean) < NO_DIFFERENCE:
            raise DataError("The photos look like the images of the other classes together.")
        toward = self.whitening @ apart
        return _normalised(toward - (toward @ self.mean) * self.mean)

    def left_out(self, photos: Floats) -> Floats | None:
        """Cosine of each photo with the direction that the others give; None for one photo."""
        if len(photos) < 2:
            return None
        total = photos.sum(axis=0)
        means = [(total - one) / (len(photos) - 1) for one in photos]
        return np.array(
            [float(one @ self.difference(mean)) for one, mean in zip(photos, means, strict=True)]
        )

    def expected_own(
        self,
        features: Floats,
        labels: npt.NDArray[np.int64],
        photos: int,
        fresh: tuple[Floats, npt.NDArray[np.int64]] | None,
    ) -> float | None:
        """Mean cosine of new images of a class with its direction, if k photos give the direction.

        Measured on old classes: the first k images of each give a direction; new are `fresh`, other
        images with their labels, or the class's own other images. None if there are none.
        """
        found = []
        for label in np.unique(labels):
            own = features[labels == label]
            new = own[photos:] if fresh is None else fresh[0][fresh[1] == label]
            if len(new):
                found.append(float((new @ self.difference(own[:photos].mean(axis=0))).mean()))
        return float(np.mean(found)) if found else None


def _mean_cosines(images: OldImages) -> tuple[float, float]:
    """Mean cosine with the own class and with the others, each class with the same weight."""
    rows, classes = np.arange(len(images.labels)), images.cosines.shape[1]
    true = images.cosines[rows, images.labels].astype(np.float64)
    other = (images.cosines.sum(axis=1, dtype=np.float64) - true) / max(1, classes - 1)
    return float(_class_mean(true, images.labels)), float(_class_mean(other, images.labels))


def _class_mean(values: Floats, labels: npt.NDArray[np.int64]) -> float:
    counts = np.bincount(labels)
    present = counts > 0
    return float((np.bincount(labels, weights=values)[present] / counts[present]).mean())


def _last(holds: Callable[[float], bool], low: float, high: float) -> float:
    """Return the largest value in [low, high] where a condition holds that fails above some value.

    `low` if it holds nowhere.
    """
    if holds(high):
        return high
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def _quiet_direction(features: Floats, *excluded: Floats) -> Floats:
    """Unit direction with the smallest mean square of the features, orthogonal to the excluded."""
    moments = features.T @ features / len(features)
    basis = np.stack(excluded)
    keep = np.eye(len(moments)) - basis.T @ basis
    values, vectors = np.linalg.eigh(keep @ moments @ keep + basis.T @ basis)
    del values
    return np.asarray(vectors[:, 0])


def _unit(features: npt.NDArray[np.float32]) -> Floats:
    values = features.astype(np.float64)
    return np.asarray(values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12))


def _normalised(vector: Floats) -> Floats:
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-12))
