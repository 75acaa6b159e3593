"""From a specification of data to its classes and splits."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lpt.data.image_stores import FileStore
from lpt.data.manifest import Manifest, Split
from lpt.data.sources.class_folders import read_folder
from lpt.data.sources.csv_lists import LIST_SUFFIXES, read_list
from lpt.data.sources.data_string import DataSpec, parse_spec
from lpt.data.sources.hub_dataset import HUB_OPTIONS, HUB_PREFIX, read_hub
from lpt.data.sources.known.known_datasets import NAMED
from lpt.data.sources.listing import Listing, with_classes
from lpt.data.sources.parquet_dataset import parquet_files, read_parquet
from lpt.data.splitting import hold_out
from lpt.errors import DataError

__all__ = ["open_data", "open_test"]

_VAL_SMALLEST = 10
_ORDER: tuple[str, ...] = ("train", "val", "test")

Ids = npt.NDArray[np.int64]


def open_data(
    spec: str | Path,
    *,
    seed: int = 0,
    val_fraction: float = 0.1,
    test_fraction: float = 0.2,
    class_names: Sequence[str] | None = None,
    group_by: str | None = None,
) -> Manifest:
    """Open a data set. Only names and labels are read; images wait until they are asked for.

    `spec` is a folder of class folders (below train, val, test, or one folder), a CSV, TSV or text
    list, a Parquet file or a folder of them, a name of NAMED (`cifar100-lt:imbalance=100`), or
    `hf:NAME` for a Hugging Face data set. Options follow a colon: `DIR:list=lists/lt100.csv` takes
    the training images from a list in DIR, `DIR:test=OTHER` the test images from other data.

    What the data does not split is split here, by class and by seed. Test images are set aside
    where there are none; a class keeps at least one image for training. Validation images come
    from training, never from test, and only from classes with at least 10 training images.

    Args:
        spec: the data.
        seed: decides which images are set aside.
        val_fraction: share of training set aside for validation if the data has none; 0 for none.
        test_fraction: share set aside for test if the data has none; 0 for none.
        class_names: the frozen class list of a trained run. Classes are matched by name; one that
            the data lacks keeps its index.
        group_by: column of a list or Parquet file (animal, patient, video) whose values must never
            lie on both sides of a split.
    Raises: DataError naming the path, what is wrong with it and what to do.
    """
    parsed = parse_spec(spec)
    listing = _read(parsed, seed, group_by)
    if class_names is not None:
        listing = with_classes(listing, class_names)
    parts = _parts(listing)
    if "list" in parsed.options:
        parts = _with_list(parts, listing, parsed, group_by)
    if "test" in parsed.options:
        parts["test"] = _other_test(parsed, seed, listing.class_names)
    named = set(parts)
    if "train" in parts:
        _set_aside(parts, "test", test_fraction, seed, smallest=2)
        _set_aside(parts, "val", val_fraction, seed, smallest=_VAL_SMALLEST)
    _check(parts, listing, str(spec), frozen=class_names is not None)
    splits = {name: parts[name].split(name) for name in _ORDER if len(parts.get(name, ()))}
    set_aside = tuple(name for name in splits if name not in named)
    return Manifest(str(spec), listing.class_names, splits, set_aside)


def open_test(spec: str | Path, class_names: Sequence[str], *, seed: int = 0) -> Split:
    """Images to evaluate on: the test split where the data names one, otherwise all of them.

    For data that a model was not trained on. (Unsplit data that it was trained on has its test
    images in `open_data(spec, seed=...)`, with the seed of the training.)

    Raises: DataError as `open_data`; also for a class that `class_names` does not have.
    """
    parsed = parse_spec(spec)
    parsed.allow(*_source_options(parsed.source))
    return _evaluated(with_classes(_read(parsed, seed, None), class_names)).split("test")


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


def _source_options(source: str) -> tuple[str, ...]:
    if source.startswith(HUB_PREFIX):
        return HUB_OPTIONS
    return NAMED[source].options if source in NAMED else ()


def _read(spec: DataSpec, seed: int, group_by: str | None) -> Listing:
    """Every image of the source, whatever its format."""
    spec.allow(*_source_options(spec.source), "list", "test")
    if spec.source in NAMED:
        if group_by is not None:
            raise DataError(f"{spec.source}: has no columns, so none to group by. Leave it out.")
        return NAMED[spec.source].read(spec, seed)
    if spec.source.startswith(HUB_PREFIX):
        return read_hub(spec, group_by=group_by)
    path = Path(spec.source).expanduser()
    if path.is_dir():
        files = parquet_files(path)
        if files:
            return read_parquet(files, root=path, group_by=group_by)
        if group_by is not None:
            raise DataError(f"{path}: folders have no column {group_by!r} to group by. Use a list.")
        return read_folder(path)
    if not path.exists():
        raise DataError(
            f"{path}: no such folder, list or Parquet file, nor a known set ({', '.join(NAMED)})."
        )
    if path.suffix == ".parquet":
        return read_parquet([path], root=path.parent, group_by=group_by)
    if path.suffix in LIST_SUFFIXES:
        return read_list(path, group_by=group_by)
    raise DataError(
        f"{path}: not data this package reads. Name a folder, a list "
        f"({', '.join(sorted(LIST_SUFFIXES))}) or a .parquet file."
    )


def _parts(listing: Listing) -> dict[str, _Part]:
    """Images by split; those of unsplit data are training images from which others are taken."""
    names = [str(name) for name in np.unique(listing.splits)]
    if "" in names and len(names) > 1:
        raise DataError(
            f"{listing.name}: some images have a split ({', '.join(filter(None, names))}) and "
            "others none. Name the split of every image, or of none."
        )
    return {
        name or "train": _Part(listing, np.flatnonzero(listing.splits == name)) for name in names
    }


def _with_list(
    parts: dict[str, _Part], base: Listing, spec: DataSpec, group_by: str | None
) -> dict[str, _Part]:
    """Replace the splits that the list names; without names it is the training split."""
    root = Path(spec.source).expanduser()
    root = root if root.is_dir() else root.parent
    listed = with_classes(
        read_list(root / spec.options["list"], root=root, group_by=group_by), base.class_names
    )
    if isinstance(base.store, FileStore) and isinstance(listed.store, FileStore):
        known = base.store.find(listed.store)
        wrong = np.flatnonzero((known >= 0) & (base.labels[known] != listed.labels))
        if len(wrong):
            i = int(wrong[0])
            raise DataError(
                f"{listed.name}: {listed.store.ref(i)} is listed as "
                f"{base.class_names[listed.labels[i]]!r} but the data says "
                f"{base.class_names[base.labels[known[i]]]!r}. Make the list anew."
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
    inside = Path(spec.source).expanduser() / spec.options["test"]
    source = str(inside) if inside.exists() else spec.options["test"]
    return _evaluated(with_classes(_read(DataSpec(source), seed, None), class_names))


def _evaluated(listing: Listing) -> _Part:
    parts = _parts(listing)
    return parts.get("test", _Part(listing, np.arange(len(listing.labels))))


def _set_aside(
    parts: dict[str, _Part], name: str, fraction: float, seed: int, *, smallest: int
) -> None:
    """Move a fraction of train to the split `name`, unless the data already has that split."""
    if name in parts:
        return
    train = parts["train"]
    aside = hold_out(
        train.labels, fraction=fraction, seed=seed, smallest=smallest, groups=train.groups
    )
    parts[name] = _Part(train.listing, train.positions[aside])
    parts["train"] = _Part(train.listing, train.positions[~aside])


def _check(parts: dict[str, _Part], listing: Listing, spec: str, *, frozen: bool) -> None:
    if len(listing.class_names) < 2:
        raise DataError(
            f"{spec}: only one class, {listing.class_names[0]!r}. A classifier needs two or more."
        )
    grouped = {
        name: set(part.groups.tolist()) for name, part in parts.items() if part.groups is not None
    }
    for one, two in (("train", "val"), ("train", "test"), ("val", "test")):
        both = grouped.get(one, set()) & grouped.get(two, set())
        if both:
            raise DataError(
                f"{spec}: group {min(both)!r} has images in both {one} and {two} "
                f"({len(both)} such groups). Take the split column out, or correct it."
            )
    if frozen:
        return
    trained = parts["train"].labels if "train" in parts else np.zeros(0, dtype=np.int64)
    counts = np.bincount(trained, minlength=len(listing.class_names))
    absent = [listing.class_names[c] for c in np.flatnonzero(counts == 0)]
    if absent:
        shown = ", ".join(repr(name) for name in absent[:3]) + (", ..." if absent[3:] else "")
        raise DataError(
            f"{spec}: {len(absent)} of {len(counts)} classes have no training image: {shown}. "
            "Add images to train, or take these classes off the data."
        )
