"""Open data of any kind: classes, and splits of images."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lpt.arguments import at_least, fraction
from lpt.data.copies import copy_numbers
from lpt.data.defaults import TEST_FRACTION, VAL_FRACTION
from lpt.data.image_stores import FileStore
from lpt.data.image_tree import Problem
from lpt.data.manifest import Manifest, Split
from lpt.data.sources.csv_lists import read_list
from lpt.data.sources.data_string import DataSpec, parse_spec, path_exists
from lpt.data.sources.listing import Listing, SplitWords, with_classes
from lpt.data.sources.paths import data_folder, is_known_set, list_path
from lpt.data.sources.read_source import check_options, labels_are_indices, read_source
from lpt.data.splitting import hold_out
from lpt.errors import DataError, ParameterError
from lpt.escape import described
from lpt.files.remote.remote_paths import is_remote
from lpt.progress import listed

__all__ = ["open_data", "open_test"]

_VAL_SMALLEST = 10
_NOTHING_TO_TEST = "no image is held out for testing (too few per class): nothing can be tested"
_ORDER: tuple[str, ...] = ("train", "val", "test")

Ids = npt.NDArray[np.int64]


def open_data(
    spec: str | Path,
    *,
    seed: int = 0,
    val_fraction: float = VAL_FRACTION,
    test_fraction: float = TEST_FRACTION,
    class_names: Sequence[str] | None = None,
    group_by: str | None = None,
    lenient: bool = False,
) -> Manifest:
    """Open a data set. Only names and labels are read; images are read on demand.

    `spec` is a folder of class folders (in one folder, or in train, val and test), a CSV, TSV or
    text list, a Parquet file or a folder of them, tar shards (`photos-{000..009}.tar`), a known
    data set (`cifar100-lt:imbalance=100`; `lpt data list` prints all), or `hf:NAME` for a Hugging
    Face data set. Options follow a colon:
    `DIR:list=lists/lt100.csv` takes the training images from a list (in DIR, or else from the
    current folder), `DIR:test=OTHER` the test images from other data. `split=none` ignores the
    splits of the data, `splits=holdout:test` gives the meaning of a word for a split, and
    `labels=index` takes integer labels without names as indices into a given class list.

    Splits that the data lacks are held out by class. A class keeps at least one training image.
    Validation images come from the training images, and only from classes with 10 or more.

    >>> data = open_data("digits", val_fraction=0)
    >>> data
    Manifest('digits': 10 classes, 399 train, 300 test images)
    >>> data.counts().tolist()
    [144, 93, 60, 39, 25, 16, 10, 6, 4, 2]
    >>> image = data.split("train").read(0)          # an encoded image: bytes

    Args:
        spec: the data: a path, or text as on the command line.
        seed: determines the images that are held out.
        val_fraction: share of the training images held out for validation if the data has no
            validation images; 0 for none.
        test_fraction: share held out for testing if the data has no test images; 0 for none.
        class_names: class list of a trained task. Classes are matched by name; a class that the
            data lacks keeps its index.
        group_by: column of a list or Parquet file, or a name in the JSON of tar shards (animal,
            patient, video); images with the same value stay in one split.
        lenient: open what can be read of a folder with faults, which the manifest then names;
            otherwise such faults are an error.
    Returns: class names and splits; no image has been read.
    Raises: DataError naming the path, the fault and a remedy; ConfigError for a fraction that is
        out of range.
    """
    parsed = parse_spec(spec)
    at_least("seed", seed, 0)
    for name, value in (("val_fraction", val_fraction), ("test_fraction", test_fraction)):
        fraction(name, value)
    if group_by is not None and not isinstance(group_by, str):
        raise ParameterError(f"`group_by` {described(group_by)}: give the name of a column.")
    listing = read_source(parsed, seed, group_by, lenient=lenient)
    if class_names is not None:
        listing = with_classes(listing, class_names, by_index=labels_are_indices(parsed))
    parts = _parts(listing)
    if "list" in parsed.options:
        parts = _with_list(parts, listing, parsed, group_by)
    if "test" in parsed.options:
        parts["test"] = _other_test(parsed, seed, listing.class_names)
    named = set(parts)
    if "test" in parsed.options:
        _check_apart(parts, str(spec))
    if "train" in parts:
        fractions = {"test": test_fraction, "val": val_fraction}
        drawn = any(fraction for name, fraction in fractions.items() if name not in parts)
        may_copy = drawn and not is_known_set(parsed)  # known sets keep their published splits
        copies = copy_numbers(parts["train"].listing.store) if may_copy else None
        _set_aside(parts, "test", test_fraction, seed, smallest=2, copies=copies)
        _set_aside(parts, "val", val_fraction, seed, smallest=_VAL_SMALLEST, copies=copies)
    problems = listing.problems
    try:
        _check(parts, listing, str(spec), frozen=class_names is not None)
    except DataError as error:
        if not lenient:
            raise
        problems += (Problem("structure", str(spec), str(error), ""),)
    splits = {name: parts[name].split(name) for name in _ORDER if len(parts.get(name, ()))}
    set_aside = tuple(name for name in splits if name not in named)
    notes = [note for part in parts.values() for note in part.listing.notes]
    if "test" not in splits and test_fraction:
        notes.append(f"note      {_NOTHING_TO_TEST}")
    return Manifest(
        str(spec), listing.class_names, splits, set_aside, tuple(dict.fromkeys(notes)), problems
    )


def open_test(spec: str | Path, class_names: Sequence[str], *, seed: int = 0) -> Manifest:
    """Open data that a model was not trained on: its test split if there is one, else all images.

    The test images of unsplit data that a model was trained on are those of
    `open_data(spec, seed=...)` with the seed of the training.

    Args:
        spec: the data, as for `open_data`.
        class_names: (C,) classes of the model; labels are indices into them.
    Returns: a data set whose only split is `test`, with the notes about it.
    Raises: DataError as `open_data`, and for a class that is not in `class_names`.
    """
    parsed = parse_spec(spec)
    check_options(parsed)
    listing = with_classes(
        read_source(parsed, seed, None), class_names, by_index=labels_are_indices(parsed)
    )
    images = _evaluated(listing).split("test")
    return Manifest(str(spec), listing.class_names, {"test": images}, notes=listing.notes)


@dataclass(frozen=True)
class _Part:
    """Some images of a listing."""

    listing: Listing
    positions: Ids

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def labels(self) -> Ids:
        return self.listing.labels[self.positions]

    @property
    def groups(self) -> npt.NDArray[np.str_] | None:
        return None if self.listing.groups is None else self.listing.groups[self.positions]

    def split(self, name: str) -> Split:
        return Split(name, self.listing.store, self.positions, self.labels)


def _parts(listing: Listing) -> dict[str, _Part]:
    """Group images by split; those of unsplit data count as training images for now."""
    names = [str(name) for name in np.unique(listing.splits)]
    if "" in names and len(names) > 1:
        entries = np.flatnonzero(listing.splits == "")
        raise DataError(
            f"{listing.name}: some images have a split ({', '.join(filter(None, names))}) and "
            f"{len(entries):,} others have none, such as {listing.store.ref(int(entries[0]))}. "
            "Give every image a split, or none."
        )
    return {
        name or "train": _Part(listing, np.flatnonzero(listing.splits == name)) for name in names
    }


def _with_list(
    parts: dict[str, _Part], base: Listing, spec: DataSpec, group_by: str | None
) -> dict[str, _Part]:
    """Replace the splits that the list names; a list without splits is the training split."""
    (path, notes), root = list_path(spec), data_folder(spec.source)
    splits = SplitWords(words=SplitWords.of_options(spec.options, spec.source).words)
    read = read_list(path, root=root, group_by=group_by, splits=splits)
    known = None
    if isinstance(base.store, FileStore) and isinstance(read.store, FileStore):
        known = base.store.find(read.store)
    # Labels of images that the data has, too, are compared below, so they may be indices.
    verified = known is not None and bool((known >= 0).all())
    read = replace(read, notes=(*base.notes, *notes, *read.notes))
    listed = with_classes(read, base.class_names, by_index=verified or labels_are_indices(spec))
    if known is not None:
        wrong = np.flatnonzero((known >= 0) & (base.labels[known] != listed.labels))
        if len(wrong):
            i = int(wrong[0])
            raise DataError(
                f"{listed.name}: {listed.store.ref(i)} is listed as "
                f"{base.class_names[listed.labels[i]]!r} but the data says "
                f"{base.class_names[base.labels[known[i]]]!r}. Regenerate the list."
            )
        tested = np.flatnonzero((known >= 0) & (base.splits[known] == "test"))
        if len(tested) and "test" not in listed.splits:
            raise DataError(
                f"{listed.name}: {listed.store.ref(int(tested[0]))} is a test image of {base.name}."
                " A training list must not name test images."
            )
    kept = {} if "" in base.splits else parts
    return {**kept, **_parts(listed)}


def _other_test(spec: DataSpec, seed: int, class_names: Sequence[str]) -> _Part:
    named = spec.options["test"]
    inside = data_folder(spec.source) / named
    elsewhere = is_remote(named) or Path(named).is_absolute()
    source = named if elsewhere or not path_exists(str(inside)) else str(inside)
    options = {name: spec.options[name] for name in ("splits",) if name in spec.options}
    listing = read_source(DataSpec(source, options), seed, None)
    return _evaluated(with_classes(listing, class_names, by_index=labels_are_indices(spec)))


def _check_apart(parts: dict[str, _Part], spec: str) -> None:
    """Check that test images from elsewhere are not those of training, however they are named."""
    test = parts["test"]
    for name, part in parts.items():
        mine, other = part.listing.store, test.listing.store
        if name == "test" or not (isinstance(mine, FileStore) and isinstance(other, FileStore)):
            continue
        mine, other = mine.take(part.positions), other.take(test.positions)
        both = np.flatnonzero(mine.find(other) >= 0)
        if len(both):
            raise DataError(
                f"{spec}: {len(both):,} test images are also {name} images, such as "
                f"{other.ref(int(both[0]))}. Give test images that training does not use."
            )


def _evaluated(listing: Listing) -> _Part:
    parts = _parts(listing)
    return parts.get("test", _Part(listing, np.arange(len(listing.labels))))


def _set_aside(
    parts: dict[str, _Part],
    name: str,
    fraction: float,
    seed: int,
    *,
    smallest: int,
    copies: Ids | None,
) -> None:
    """Move a fraction of train to the split `name`, unless the data has that split already."""
    if name in parts:
        return
    train = parts["train"]
    aside = hold_out(
        train.labels,
        fraction=fraction,
        seed=seed,
        smallest=smallest,
        groups=train.groups,
        copies=None if copies is None else copies[train.positions],
    )
    parts[name] = _Part(train.listing, train.positions[aside])
    parts["train"] = _Part(train.listing, train.positions[~aside])


def _check(parts: dict[str, _Part], listing: Listing, spec: str, *, frozen: bool) -> None:
    if len(listing.class_names) < 2:
        raise DataError(
            f"{spec}: only one class, {listing.class_names[0]!r}. Give two classes or more."
        )
    grouped = {
        name: set(part.groups.tolist()) for name, part in parts.items() if part.groups is not None
    }
    for one, two in (("train", "val"), ("train", "test"), ("val", "test")):
        both = grouped.get(one, set()) & grouped.get(two, set())
        if both:
            raise DataError(
                f"{spec}: group {min(both)!r} has images in both {one} and {two} "
                f"({len(both)} such groups). Correct or remove the split column."
            )
    if frozen:
        return
    trained = parts["train"].labels if "train" in parts else np.zeros(0, dtype=np.int64)
    counts = np.bincount(trained, minlength=len(listing.class_names))
    absent = [listing.class_names[c] for c in np.flatnonzero(counts == 0)]
    if absent:
        raise DataError(
            f"{spec}: {len(absent)} of {len(counts)} classes have no training image: "
            f"{listed([*map(repr, absent)])}. "
            "Add training images, or remove these classes from the data."
        )
