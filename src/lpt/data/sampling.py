"""Samplers: the images of an epoch, in order, as pure functions of (seed, phase, epoch).

Samplers have no state, so a run resumes by asking for the same epoch again. A sampler returns n
draws, the number of training images; the setting `epoch_images` may cap how many an epoch uses. A
sampler that balances classes may draw one image several times. Random numbers come from
`lpt.random_streams`.
"""

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from lpt.errors import ConfigError, DataError
from lpt.random_streams import Stream, random_stream
from lpt.registry import Registry

__all__ = [
    "DUAL",
    "SAMPLERS",
    "Sampler",
    "balanced_sampler",
    "class_cycle_sampler",
    "epoch_batches",
    "instance_sampler",
    "register_sampler",
    "sample_epoch",
    "sample_per_class",
    "sample_some",
    "square_root_sampler",
    "steps_per_epoch",
]

Ids = npt.NDArray[np.int64]

DUAL = "dual"
"""Name of dual sampling in settings: two samplers per step, so it is not a sampler itself."""


class Sampler(Protocol):
    """Chooses the images of an epoch."""

    def __call__(self, labels: npt.ArrayLike, *, seed: int, phase: int, epoch: int) -> Ids:
        """Return the ids of n images, in order.

        Args:
            labels: (n,) class indices of the training images.
            seed, phase, epoch: key of the epoch. The result must depend only on these and on
                `labels`; `lpt.random_streams.random_stream` makes a generator from such a key.
        Returns: (n,) indices into `labels`; an image may appear several times.
        """
        ...


def instance_sampler(n: int, *, seed: int, phase: int, epoch: int) -> Ids:
    """Shuffle `n` images, each once: (n,) ids. Classes appear in their natural frequencies.

    >>> sorted(instance_sampler(4, seed=0, phase=1, epoch=0).tolist())
    [0, 1, 2, 3]
    """
    return random_stream(seed, phase, epoch, Stream.INSTANCE_SAMPLER).permutation(n)


def balanced_sampler(labels: npt.ArrayLike, *, seed: int, phase: int, epoch: int) -> Ids:
    """Draw a class uniformly, then one of its images.

    >>> labels = [0] * 900 + [1] * 100
    >>> drawn = balanced_sampler(labels, seed=0, phase=2, epoch=0)
    >>> round(float((drawn >= 900).mean()), 1)
    0.5

    Args:
        labels: (n,) class indices; classes without images are skipped.
    Returns: (n,) ids. Within a class no image is repeated before all have been sampled.
    Raises: DataError if there are no images.
    Source: LPT (ICLR 2023), section 4.2 (class-balanced branch of dual sampling).
    """
    rng = random_stream(seed, phase, epoch, Stream.BALANCED_SAMPLER)
    y, present = _present(labels)
    return _images(y, present[rng.integers(len(present), size=len(y))], rng)


def class_cycle_sampler(
    labels: npt.ArrayLike, *, seed: int, phase: int, epoch: int, per_class: int = 4
) -> Ids:
    """Cycle over all classes in a new random order each round, with `per_class` images per visit.

    The authors' released code does this with 4 images per visit. Unlike in `balanced_sampler`, all
    classes have equal shares of an epoch up to one visit, not only on average.

    Args:
        labels: (n,) class indices; classes without images are skipped.
        per_class: consecutive images of a class.
    Returns: (n,) ids. Within a class no image is repeated before all have been sampled.
    Raises: DataError if there are no images; ConfigError if `per_class` is below 1.
    """
    rng = random_stream(seed, phase, epoch, Stream.CLASS_CYCLE_SAMPLER)
    y, present = _present(labels)
    rounds = -(-len(y) // (_positive(per_class) * len(present)))
    visits = np.concatenate([rng.permutation(present) for _ in range(rounds)])
    return _images(y, np.repeat(visits, per_class)[: len(y)], rng)


def square_root_sampler(labels: npt.ArrayLike, *, seed: int, phase: int, epoch: int) -> Ids:
    """Draw a class with probability proportional to the square root of its size, then an image.

    This lies half-way between instance-balanced and class-balanced sampling.

    Args:
        labels: (n,) class indices; classes without images are skipped.
    Returns: (n,) ids. Within a class no image is repeated before all have been sampled.
    Raises: DataError if there are no images.
    Source: Kang et al., ICLR 2020.
    """
    rng = random_stream(seed, phase, epoch, Stream.SQUARE_ROOT_SAMPLER)
    y, present = _present(labels)
    weights = np.sqrt(np.bincount(y)[present])
    return _images(y, rng.choice(present, size=len(y), p=weights / weights.sum()), rng)


def sample_epoch(kind: str, labels: npt.ArrayLike, *, seed: int, phase: int, epoch: int) -> Ids:
    """Sample an epoch with a sampler of `SAMPLERS`.

    Args:
        kind: name of the sampler.
        labels: (n,) class indices of the training images.
        seed, phase, epoch: key of the epoch.
    Returns: (n,) ids.
    Raises: ConfigError naming the known samplers, or a registered one that returns anything but
        n indices of images.
    """
    n = len(np.asarray(labels))
    ids = np.asarray(SAMPLERS[kind](labels, seed=seed, phase=phase, epoch=epoch))
    if (
        ids.shape != (n,)
        or ids.dtype.kind not in "iu"
        or (n and not 0 <= ids.min() <= ids.max() < n)
    ):
        raise ConfigError(
            f"sampler '{kind}' returned {ids.dtype} of shape {ids.shape} for {n} images. "
            "It must return one index of an image, from 0, per training image."
        )
    return ids.astype(np.int64, copy=False)


def register_sampler(name: str, sampler: Sampler, *, replace: bool = False) -> None:
    """Add a sampler, which the settings `phase1.sampler`, `phase2.dual_sampler`, ... then accept.

    Args:
        name: name in settings.
        sampler: (labels, *, seed, phase, epoch) -> (n,) image indices: a pure function, so that
            the same key gives the same indices. `labels` are the (n,) class indices of the
            training images.
        replace: whether a registered sampler of that name may be replaced; a built-in one never.
    Raises: ConfigError if the name is empty, taken or "dual".

    >>> def in_order(labels, *, seed, phase, epoch):
    ...     return np.arange(len(labels))
    >>> register_sampler("in-order", in_order)
    >>> sample_epoch("in-order", [0, 0, 1], seed=0, phase=1, epoch=0).tolist()
    [0, 1, 2]
    >>> SAMPLERS.unregister("in-order")
    """
    if name == DUAL:
        raise ConfigError(f"sampler '{name}': the name means two samplers. Choose another name.")
    SAMPLERS.register(name, sampler, replace=replace)


def steps_per_epoch(n: int, batch: int) -> int:
    """Steps of an epoch over `n` images: ceil(n / batch)."""
    return -(-n // _positive(batch))


def epoch_batches(ids: Ids, batch: int) -> list[Ids]:
    """Cut the (n,) ids of an epoch into equal batches; the last is filled up from the start.

    >>> [part.tolist() for part in epoch_batches(np.array([4, 0, 2]), 2)]
    [[4, 0], [2, 4]]

    Raises: DataError if the epoch has no images.
    """
    if len(ids) == 0:
        raise DataError("an epoch without images has no batches. Check the training split.")
    steps = steps_per_epoch(len(ids), batch)
    return list(np.resize(np.asarray(ids, dtype=np.int64), (steps, batch)))


def _instance_of_labels(labels: npt.ArrayLike, *, seed: int, phase: int, epoch: int) -> Ids:
    return instance_sampler(len(np.asarray(labels)), seed=seed, phase=phase, epoch=epoch)


SAMPLERS: Registry[Sampler] = Registry(
    "sampler",
    {
        "instance": _instance_of_labels,
        "balanced": balanced_sampler,
        "class-cycle": class_cycle_sampler,
        "square-root": square_root_sampler,
    },
)
"""Samplers by the name that settings use."""


def _positive(number: int) -> int:
    if number < 1:
        raise ConfigError(f"{number} images per class or batch: choose 1 or more.")
    return number


def _present(labels: npt.ArrayLike) -> tuple[Ids, Ids]:
    y = np.asarray(labels, dtype=np.int64)
    if y.size == 0:
        raise DataError("no images to sample from. Check the training split.")
    return y, np.unique(y)


def _images(y: Ids, drawn: Ids, rng: np.random.Generator) -> Ids:
    """Replace each drawn class by one of its images, reshuffled each time they run out."""
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


def sample_per_class(labels: Ids, most: int, seed: int) -> Ids:
    """Draw at most `most` images of each class at random.

    Args:
        labels: (n,) class indices.
    Returns: sorted indices into `labels`.

    >>> sample_per_class(np.array([0, 0, 0, 1]), most=1, seed=0).tolist()[1:]
    [3]
    """
    shuffled = random_stream(seed, Stream.CLASS_MEAN_IMAGES).permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    sorted_labels = labels[by_class]
    rank = np.arange(len(labels)) - np.searchsorted(sorted_labels, sorted_labels, side="left")
    return np.sort(by_class[rank < most])


def sample_some(images: int, most: int, seed: int) -> Ids:
    """Draw at most `most` of a number of images at random: sorted indices.

    >>> sample_some(3, most=5, seed=0).tolist(), len(sample_some(9, most=5, seed=0))
    ([0, 1, 2], 5)
    """
    if images <= most:
        return np.arange(images)
    return np.sort(random_stream(seed, Stream.VALIDATION_SUBSET).permutation(images)[:most])
