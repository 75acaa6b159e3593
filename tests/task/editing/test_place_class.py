"""A class placed from a few photos finds its images, and takes few of the others."""

import numpy as np
import pytest

from lpt.errors import DataError, ShapeError
from lpt.task.editing.place_class import OldImages, place_class

CLASSES, WIDTH = 12, 48


def unit(values):
    return values / np.linalg.norm(values, axis=1, keepdims=True)


class World:
    """Classes around a common mean, as features are, and directions with cosines near 0."""

    def __init__(self, seed: int = 0, apart: float = 1.0) -> None:
        self.random = np.random.default_rng(seed)
        self.common = 3 * unit(self.random.normal(size=(1, WIDTH)))
        self.offsets = apart * unit(self.random.normal(size=(CLASSES + 1, WIDTH)))
        centred = self.offsets[:CLASSES] - self.offsets[:CLASSES].mean(axis=0)
        self.directions = unit(centred)

    def images(self, label: int, number: int) -> np.ndarray:
        noise = 0.08 * self.random.normal(size=(number, WIDTH))
        return (self.common + self.offsets[label] + noise).astype(np.float32)

    def cosines(self, features: np.ndarray) -> np.ndarray:
        return (unit(features) @ self.directions.T).astype(np.float32)

    def old(self, number: int) -> OldImages:
        features = np.vstack([self.images(label, number) for label in range(CLASSES)])
        labels = np.repeat(np.arange(CLASSES), number)
        return OldImages(features, self.cosines(features), labels)


def placed(world: World, photos: int, **options):
    new = world.images(CLASSES, photos)
    settings = {"most_lost": 0.01, **options}
    return place_class(new, world.cosines(new), world.old(15), world.old(20), **settings)


@pytest.mark.parametrize("photos", [1, 5, 20])
def test_new_images_are_found_as_often_as_old_ones_which_keep_theirs(photos):
    found, usual, lost = [], [], []
    for seed in range(4):
        world = World(seed)
        direction = placed(world, photos).direction
        fresh, old = world.images(CLASSES, 200), world.old(100)
        right = old.cosines.argmax(axis=1) == old.labels
        best = old.cosines.max(axis=1)
        found.append((unit(fresh) @ direction > world.cosines(fresh).max(axis=1)).mean())
        usual.append(right.mean())
        lost.append((right & (unit(old.features) @ direction > best)).mean())
        assert np.linalg.norm(direction) == pytest.approx(1, abs=1e-5)
    assert np.mean(found) > np.mean(usual) - 0.05
    assert np.mean(lost) < 0.02


def test_photos_that_differ_much_raise_the_offset_until_left_out_ones_are_found():
    """Features of a new class lie less close together than those that were trained on."""
    world = World(apart=0.8)
    wide = (world.images(CLASSES, 40) + 0.12 * world.random.normal(size=(40, WIDTH))).astype(
        np.float32
    )
    some, fresh = wide[:10], wide[10:]
    placed = place_class(some, world.cosines(some), world.old(15), world.old(20), most_lost=0.05)
    assert (unit(fresh) @ placed.direction > world.cosines(fresh).max(axis=1)).mean() > 0.6


def test_a_mean_feature_would_take_every_image():
    world = World()
    mean = unit(world.images(CLASSES, 20)).mean(axis=0)
    old = world.old(20)
    assert (unit(old.features) @ mean > old.cosines.max(axis=1)).all()


def test_new_images_score_as_old_images_score_for_their_own_class():
    world = World()
    direction = placed(world, 20, most_lost=0.99).direction
    old = world.old(100)
    own = old.cosines[np.arange(len(old.labels)), old.labels].mean()
    other = (old.cosines.sum() - own * len(old.labels)) / (old.cosines.size - len(old.labels))
    assert (unit(world.images(CLASSES, 300)) @ direction).mean() == pytest.approx(own, abs=0.03)
    assert (unit(old.features) @ direction).mean() == pytest.approx(other, abs=0.03)


@pytest.mark.parametrize("most", [0.0, 0.01, 0.05])
def test_the_stated_share_is_never_exceeded(most):
    for seed in range(5):
        world = World(seed, apart=0.5)  # classes overlap
        found = placed(world, 3, most_lost=most)
        assert found.lost <= most * found.old_images


def test_what_is_reported_is_what_the_direction_does():
    world = World(1, apart=0.6)
    new, measured = world.images(CLASSES, 10), world.old(30)
    found = place_class(new, world.cosines(new), world.old(15), measured, most_lost=0.02)
    right = measured.cosines.argmax(axis=1) == measured.labels
    true = measured.cosines[np.arange(len(measured.labels)), measured.labels]
    lost = right & (unit(measured.features) @ found.direction > true)
    assert (found.old_right, found.lost) == (right.sum(), lost.sum())
    assert found.own == (unit(new) @ found.direction > world.cosines(new).max(axis=1)).sum()


def test_one_image_per_old_class_is_enough_to_place_a_class():
    world = World()
    new = world.images(CLASSES, 5)
    found = place_class(new, world.cosines(new), world.old(1), world.old(1), most_lost=0.01)
    assert np.isfinite(found.direction).all()


def test_photos_that_are_like_all_the_others_are_refused():
    world = World()
    old = world.old(15)
    mean = unit(old.features).reshape(CLASSES, -1, WIDTH).mean(axis=(0, 1))
    photos = mean[None].astype(np.float32) / np.linalg.norm(mean)
    # A class in the direction of the common mean has nothing of its own.
    with pytest.raises(DataError, match="look like the images of the other classes"):
        place_class(photos, world.cosines(photos), old, old, most_lost=0.01, shrinkage=1.0)


def test_photos_of_another_width_are_refused():
    world = World()
    with pytest.raises(ShapeError):
        place_class(
            np.ones((2, 3), dtype=np.float32),
            np.ones((2, CLASSES), dtype=np.float32),
            world.old(2),
            world.old(2),
            most_lost=0.01,
        )
