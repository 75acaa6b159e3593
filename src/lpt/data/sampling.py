"""Which images an epoch shows, and in what order: pure functions of (seed, phase, epoch).

No state is kept and none is read, so a run resumes by asking for the same epoch again. An epoch is
as long as the data set has images, n draws, whatever the sampling; one image may be drawn several
times where classes are balanced. Random numbers come from NumPy's Philox, keyed through
SeedSequence.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from lpt.errors import ConfigError, DataError
from lpt.random_streams import Stream, random_stream

__all__ = [
    "SAMPLERS",
    "balanced_sampler",
    "class_cycle_sampler",
    "epoch_batches",
    "instance_sampler",
    "sample_epoch",
    "square_root_sampler",
    "steps_per_epoch",
]

Ids = npt.NDArray[np.int64]


def instance_sampler(n: int, *, seed: int, phase: int, epoch: int) -> Ids:
    """Every one of `n` images once, shuffled: (n,) ids. Classes appear as often as they are."""
    return random_stream(seed, phase, epoch, Stream.INSTANCE_SAMPLER).permutation(n)


def balanced_sampler(
    labels: npt.ArrayLike, *, seed: int, phase: int, epoch: int, per_class: int = 1
) -> Ids:
    """Class first, then image: every class that has images is equally likely at each draw.

    Args:
        labels: (n,) class indices; classes without images are skipped.
        per_class: consecutive images taken from a class once it is drawn.
    Returns: (n,) ids. Within a class no image comes back before all of them have been shown.
    Source: LPT (ICLR 2023), section 4.2 (class-balanced branch of dual sampling).
    """
    rng = random_stream(seed, phase, epoch, Stream.BALANCED_SAMPLER)
    y, present = _present(labels)
    blocks = rng.integers(len(present), size=-(-len(y) // _positive(per_class)))
    return _images(y, present[np.repeat(blocks, per_class)[: len(y)]], rng)


def class_cycle_sampler(
    labels: npt.ArrayLike, *, seed: int, phase: int, epoch: int, per_class: int = 4
) -> Ids:
    """Cycle over all classes in a fresh random order each round, `per_class` images a visit.

    The authors' released code does this with 4 images per visit. Unlike `balanced_sampler`, the
    shares of the classes in an epoch are equal up to one visit, not only on average.

    Returns: (n,) ids. Within a class no image comes back before all of them have been shown.
    """
    rng = random_stream(seed, phase, epoch, Stream.CLASS_CYCLE_SAMPLER)
    y, present = _present(labels)
    rounds = -(-len(y) // (_positive(per_class) * len(present)))
    visits = np.concatenate([rng.permutation(present) for _ in range(rounds)])
    return _images(y, np.repeat(visits, per_class)[: len(y)], rng)


def square_root_sampler(labels: npt.ArrayLike, *, seed: int, phase: int, epoch: int) -> Ids:
    """Class first with probability proportional to the square root of its count, then image.

    Half-way between instance-balanced and class-balanced sampling (Kang et al., ICLR 2020).
    """
    rng = random_stream(seed, phase, epoch, Stream.SQUARE_ROOT_SAMPLER)
    y, present = _present(labels)
    weights = np.sqrt(np.bincount(y)[present])
    return _images(y, rng.choice(present, size=len(y), p=weights / weights.sum()), rng)


def sample_epoch(kind: str, labels: npt.ArrayLike, *, seed: int, phase: int, epoch: int) -> Ids:
    """The order called `kind` (a key of SAMPLERS) over images with these (n,) labels.

    Raises: ConfigError naming the known orders.
    """
    if kind not in SAMPLERS:
        raise ConfigError(f"sampling {kind!r} is unknown. Choose one of {', '.join(SAMPLERS)}.")
    return SAMPLERS[kind](labels, seed=seed, phase=phase, epoch=epoch)


def steps_per_epoch(n: int, batch: int) -> int:
    """Steps of an epoch over `n` images: ceil(n / batch)."""
    return -(-n // _positive(batch))


def epoch_batches(order: Ids, batch: int) -> list[Ids]:
    """Cut an epoch's order into equal batches; the last is filled from the order's start."""
    if len(order) == 0:
        raise DataError("an epoch without images has no batches. Check the training split.")
    steps = steps_per_epoch(len(order), batch)
    return list(np.resize(np.asarray(order, dtype=np.int64), (steps, batch)))


def _instance_of_labels(labels: npt.ArrayLike, *, seed: int, phase: int, epoch: int) -> Ids:
    return instance_sampler(len(np.asarray(labels)), seed=seed, phase=phase, epoch=epoch)


SAMPLERS: dict[str, Callable[..., Ids]] = {
    "instance": _instance_of_labels,
    "balanced": balanced_sampler,
    "class-cycle": class_cycle_sampler,
    "square-root": square_root_sampler,
}


def _positive(number: int) -> int:
    if number < 1:
        raise ConfigError(f"{number} images at a time: choose 1 or more.")
    return number


def _present(labels: npt.ArrayLike) -> tuple[Ids, Ids]:
    y = np.asarray(labels, dtype=np.int64)
    if y.size == 0:
        raise DataError("no images to draw from. Check the training split.")
    return y, np.unique(y)


def _images(y: Ids, drawn: Ids, rng: np.random.Generator) -> Ids:
    """Replace each drawn class by one of its images, a fresh shuffle each time it runs out."""
    out = np.empty(len(drawn), dtype=np.int64)
    by_class: npt.NDArray[Any] = np.argsort(y, kind="stable")
    first = np.searchsorted(y[by_class], np.arange(y.max() + 2))
    slots = np.argsort(drawn, kind="stable")
    bounds = np.searchsorted(drawn[slots], np.arange(y.max() + 2))
    for c in np.unique(drawn):
        pool, wanted = by_class[first[c] : first[c + 1]], slots[bounds[c] : bounds[c + 1]]
        shuffles = [rng.permutation(pool) for _ in range(-(-len(wanted) // len(pool)))]
        out[wanted] = np.concatenate(shuffles)[: len(wanted)]
    return out
