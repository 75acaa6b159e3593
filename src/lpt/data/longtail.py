"""Make a data set long-tailed: class sizes by a profile, and lists of the chosen images."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lpt.data.manifest import Manifest, Split
from lpt.errors import ConfigError, DataError
from lpt.escape import csv_text
from lpt.files.atomic_files import write_text
from lpt.progress import plural
from lpt.random_streams import random_stream

__all__ = ["PROFILES", "long_tailed", "profile_counts", "write_list"]

MOST_IMBALANCE = 1_000_000

Ids = npt.NDArray[np.int64]


def _exponential(position: npt.NDArray[np.float64], imbalance: float) -> npt.NDArray[np.float64]:
    return np.asarray(imbalance ** (-position))


def _step(position: npt.NDArray[np.float64], imbalance: float) -> npt.NDArray[np.float64]:
    return np.where(position < 0.5, 1.0, 1 / imbalance)


def _pareto(position: npt.NDArray[np.float64], imbalance: float) -> npt.NDArray[np.float64]:
    # Counts fall as a power of the rank r = 1..C; the last is 1 / imbalance of the first.
    rank = 1 + position * (len(position) - 1)
    return np.asarray(rank ** -(np.log(imbalance) / np.log(max(len(position), 2))))


PROFILES: dict[str, Callable[..., npt.NDArray[np.float64]]] = {
    "exponential": _exponential,
    "step": _step,
    "pareto": _pareto,
}


def profile_counts(
    profile: str, *, num_classes: int, largest: int, imbalance: float, smallest: int = 1
) -> Ids:
    """Compute class sizes, from the most frequent to the rarest class: (C,).

    exponential: n_i = floor(largest * imbalance^(-i / (C - 1))), as in CIFAR-LT; step: the first
    half of the classes have `largest` images, the others 1 / imbalance of it; pareto: a power law
    of the rank, as in natural collections.

    >>> profile_counts("exponential", num_classes=5, largest=500, imbalance=100).tolist()
    [500, 158, 50, 15, 5]

    Args:
        profile: a key of PROFILES.
        num_classes: C.
        largest: images of the most frequent class.
        imbalance: largest over smallest class, 1 to MOST_IMBALANCE.
        smallest: minimum size of a class.
    Raises: ConfigError for an unknown profile or a number out of range.
    Source: Cui et al., CVPR 2019 (exponential); Cao et al., NeurIPS 2019 (step); Liu et al., CVPR
        2019 (pareto).
    """
    if profile not in PROFILES:
        raise ConfigError(f"profile {profile!r}: choose one of {', '.join(PROFILES)}.")
    if not 1 <= imbalance <= MOST_IMBALANCE:
        raise ConfigError(f"imbalance {imbalance:g}: choose one from 1 to {MOST_IMBALANCE:,}.")
    if num_classes < 2:
        raise ConfigError(f"{plural(num_classes, 'class', 'classes')}: a tail needs 2 or more.")
    if largest < smallest:
        raise ConfigError(
            f"largest class of {plural(largest, 'image')}: each class keeps {smallest} or more."
        )
    position = np.arange(num_classes) / (num_classes - 1)
    # Rounding before floor keeps 500 * 100^-1 at 5 where binary fractions give 4.9999.
    shares = np.round(largest * PROFILES[profile](position, imbalance), 9)
    return np.maximum(np.floor(shares), smallest).astype(np.int64)


def long_tailed(
    manifest: Manifest,
    *,
    profile: str = "exponential",
    imbalance: float = 100,
    counts: Sequence[int] | None = None,
    seed: int = 0,
    shuffle_classes: bool = False,
) -> Split:
    """Reduce the training split to a long tail. No image is copied.

    The size of the largest class is the maximum for which every class has enough images. Classes
    follow the profile by descending number of images, equal ones in index order, or in an order
    drawn by `seed`. Small classes may keep the result from reaching the imbalance: a class of 30
    images is at most 30 times as large as one of a single image.

    Args:
        manifest: the data; val and test are not changed.
        profile: a key of PROFILES.
        imbalance: largest over smallest class.
        counts: (C,) class sizes by index that replace the profile, such as `counts()` of another
            manifest.
        seed: chooses the images, and the order of classes if shuffled.
        shuffle_classes: assign sizes to classes in a random order.
    Returns: the reduced training split.
    Raises: DataError if a class has too few images; ConfigError as `profile_counts`.
    """
    rng = random_stream(seed)
    available = manifest.counts()
    if shuffle_classes:
        order = rng.permutation(len(available))
    elif counts is None:  # frequent classes stay frequent: any other order keeps fewer images
        order = np.argsort(-available, kind="stable")
    else:
        order = np.arange(len(available))
    if counts is None:
        wanted = np.zeros(len(available), dtype=np.int64)
        wanted[order] = _fitting(profile, available[order], imbalance)
    else:
        if len(counts) != len(available):
            raise DataError(
                f"{manifest.name}: {len(counts)} counts for {len(available)} classes. "
                "Take the counts of data with the same number of classes."
            )
        wanted = np.zeros(len(available), dtype=np.int64)
        wanted[order] = counts
    short = np.flatnonzero(wanted > available)
    if len(short):
        c = int(short[0])
        raise DataError(
            f"{manifest.name}: class {manifest.class_names[c]!r} has {available[c]} training "
            f"images, {wanted[c]} are wanted. Choose other counts, or a lower imbalance."
        )
    train = manifest.split("train")
    # One sort for all classes: a search through all labels for each class would be quadratic.
    members = np.split(np.argsort(train.labels, kind="stable"), np.cumsum(available)[:-1])
    chosen = [rng.permutation(found)[:n] for found, n in zip(members, wanted, strict=True)]
    return train.take(np.concatenate(chosen), "train")


def write_list(manifest: Manifest, out: Path, *, splits: Sequence[str] = ("train",)) -> None:
    """Write splits as a list that `open_data("DATA:list=...")` reads: file,row,label,label_name.

    Two or more splits add a column `split`. Paths below the data are relative to it. The file is
    written atomically.

    Args:
        manifest: the data.
        out: the list to write.
        splits: names of the splits to list.
    Raises: DataError if the images are not files; RunError if the list cannot be written.
    """
    columns = ["file", "row", "label", "label_name", *(["split"] if len(splits) > 1 else [])]
    rows: list[dict[str, object]] = []
    for name in splits:
        split = manifest.split(name)
        root = getattr(split.store, "root", None)
        if root is None:
            raise DataError(f"{manifest.name}: its images are not files, so no list can name them.")
        for index in range(len(split)):
            ref = split.ref(index)
            path = ref.path.relative_to(root) if ref.path.is_relative_to(root) else ref.path
            label = int(split.labels[index])
            values = (str(path), ref.row, label, manifest.class_names[label], name)
            rows.append(dict(zip(columns, values, strict=False)))
    write_text(out, csv_text(rows, columns, paths=["file"], exact=columns))


def _fitting(profile: str, available: Ids, imbalance: float) -> Ids:
    """Class sizes for the highest value of `largest` that every class can supply."""
    low, high = 1, int(available.max())
    while low < high:
        middle = (low + high + 1) // 2
        wanted = profile_counts(
            profile, num_classes=len(available), largest=middle, imbalance=imbalance
        )
        low, high = (middle, high) if np.all(wanted <= available) else (low, middle - 1)
    return profile_counts(profile, num_classes=len(available), largest=low, imbalance=imbalance)
