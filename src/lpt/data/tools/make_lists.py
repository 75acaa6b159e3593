"""Write lists that make a data set long-tailed, or fix its split. No image is copied."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from lpt.data.longtail import long_tailed, write_list
from lpt.data.manifest import Manifest
from lpt.data.sources.data_string import parse_spec
from lpt.data.sources.open_data import open_data
from lpt.errors import DataError
from lpt.files.atomic_files import check_free

__all__ = ["list_long_tailed", "list_split", "with_list"]


def list_long_tailed(
    spec: str,
    out: Path,
    *,
    test_fraction: float,
    profile: str = "exponential",
    imbalance: float = 100,
    counts_of: str | None = None,
    shuffle_classes: bool = False,
    seed: int = 0,
) -> Manifest:
    """Write a long-tailed training list of a data set; `open_data(with_list(spec, out))` reads it.

    If the data has no test images, a share is held out first, so that the test split keeps the
    class frequencies of the data, and the list names both splits. Classes follow the profile by
    descending number of images.

    Args:
        spec: data whose images are files or rows of Parquet files.
        out: a .csv file that does not exist yet.
        test_fraction: share of each class held out for testing if the data has no test images.
        profile, imbalance: see `lpt.data.longtail.profile_counts`.
        counts_of: data whose training counts replace the profile, such as `places-lt:root=DIR`; it
            must have the same number of classes.
        shuffle_classes: assign sizes to classes at random, by `seed`.
        seed: chooses the images.
    Returns: the data with its reduced training split.
    Raises: DataError if `out` exists or a class has too few images; ConfigError for an unknown
        profile; RunError if the list cannot be written.
    """
    _check_name(out)
    data = open_data(spec, seed=seed, val_fraction=0, test_fraction=0)
    splits: Sequence[str] = ("train",)
    if "test" not in data.splits and test_fraction:
        data = open_data(spec, seed=seed, val_fraction=0, test_fraction=test_fraction)
        splits = tuple(data.splits)
    counts = None
    if counts_of is not None:
        counts = open_data(counts_of, seed=seed, val_fraction=0).counts().tolist()
    train = long_tailed(
        data,
        profile=profile,
        imbalance=imbalance,
        counts=counts,
        seed=seed,
        shuffle_classes=shuffle_classes,
    )
    thinned = replace(data, splits={**data.splits, "train": train})
    write_list(thinned, out, splits=splits)
    return thinned


def list_split(
    spec: str,
    out: Path,
    *,
    val_fraction: float,
    test_fraction: float,
    group_by: str | None = None,
    seed: int = 0,
) -> Manifest:
    """Split a data set as training would, and write the split as a list.

    Args:
        spec: data whose images are files or rows of Parquet files.
        out: a .csv file that does not exist yet.
        group_by, val_fraction, test_fraction, seed: see `open_data`.
    Returns: the data as split.
    Raises: as `open_data`; DataError if `out` exists, RunError if it cannot be written.
    """
    _check_name(out)
    data = open_data(
        spec,
        seed=seed,
        val_fraction=val_fraction,
        test_fraction=test_fraction,
        group_by=group_by,
    )
    write_list(data, out, splits=tuple(data.splits))
    return data


def with_list(spec: str, out: Path) -> str:
    """Add a list, at any path, to the specification of its data.

    >>> with_list("photos:test=other", Path("/lists/lt.csv"))
    'photos:test=other,list=/lists/lt.csv'
    """
    parsed = parse_spec(spec)
    source = Path(parsed.source).expanduser()
    root, place = source if source.is_dir() else source.parent, out.absolute()
    if place.is_relative_to(root.absolute()):
        place = place.relative_to(root.absolute())
    options = {**parsed.options, "list": str(place)}
    text = f"{parsed.source}:" + ",".join(f"{key}={value}" for key, value in options.items())
    if parse_spec(text).options != options:
        raise DataError(
            f"{out}: a comma before a word and = in a path is read as an option. "
            "Move the list to a folder of another name."
        )
    return text


def _check_name(out: Path) -> None:
    if out.suffix != ".csv" or "," in out.name:
        raise DataError(f"{out}: give the list a name that ends in .csv and has no comma.")
    check_free(out, error=DataError)
