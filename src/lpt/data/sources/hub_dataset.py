"""Image data sets of the Hugging Face hub, through its optional `datasets` library."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lpt.data.image_stores import ImageRef
from lpt.data.sources.data_string import DataSpec
from lpt.data.sources.listing import Listing, SplitWords
from lpt.data.sources.table_columns import Column, Table
from lpt.data.sources.table_listing import entries_of, listing_of_entries
from lpt.errors import DataError
from lpt.files.regular_files import read_regular

__all__ = ["HUB_OPTIONS", "HUB_PREFIX", "read_hub"]

HUB_PREFIX = "hf:"
HUB_OPTIONS = ("config", "image", "label")

_MOST_BYTES = 2 * 2**30  # of an image file


@dataclass(frozen=True)
class _HubStore:
    """Encoded images of a `datasets.Dataset`, which is memory-mapped and picklable."""

    name: str
    rows: Any
    column: str

    def __len__(self) -> int:
        return len(self.rows)

    def ref(self, position: int) -> ImageRef:
        return ImageRef(Path(self.name), position)

    def read(self, position: int) -> bytes:
        value = self.rows[position][self.column]
        if value and value.get("bytes"):
            return bytes(value["bytes"])
        path = value.get("path") if value else None
        if not path:
            raise DataError(f"{self.ref(position)}: the image is null. Remove the row.")
        return read_regular(path, _MOST_BYTES)


def read_hub(
    spec: DataSpec, *, group_by: str | None = None, splits: SplitWords | None = None
) -> Listing:
    """Read all splits of a hub data set, `hf:NAME[:config=...,image=COLUMN,label=COLUMN]`.

    Columns of images and labels that are not given are found by their types. Splits without labels
    (all -1) are left out. No code of the data set is run.

    Raises: DataError if the library is not installed, the data set cannot be loaded, or a column
        is missing or ambiguous.
    """
    try:
        import datasets
    except ImportError as error:
        raise DataError(
            f"{spec.source}: needs the datasets library of Hugging Face: "
            "pip install 'lpt[datasets]'"
        ) from error
    name = spec.source.removeprefix(HUB_PREFIX)
    try:
        loaded = datasets.load_dataset(name, spec.options.get("config"))
    except Exception as error:  # the library passes on the errors of many back ends
        raise DataError(
            f"{spec.source}: cannot be loaded ({' '.join(str(error).split())[:160]}). "
            "Check the name, the configuration and the network."
        ) from error
    features = next(iter(loaded.values())).features
    image = _column(features, datasets.Image, spec, "image")
    label = _column(features, datasets.ClassLabel, spec, "label")
    known = {split: rows for split, rows in loaded.items() if _has_labels(rows[label])}
    if not known:
        raise DataError(f"{spec.source}: no split has labels. Choose another data set.")
    rows = datasets.concatenate_datasets(list(known.values()))
    where = spec.source
    every = Table.of_columns(where, [Column(name, []) for name in features])
    columns = [Column.of_values("label", rows[label], where)]
    if group_by is not None:
        group = every.need(group_by, "to group by").name
        columns.append(Column.of_values(group, rows[group], where))
    table = Table.of_columns(where, columns)
    entries = entries_of(
        table, group_by=group_by, label_names=getattr(features[label], "names", None)
    )
    words = [word for split, part in known.items() for word in [split] * len(part)]
    return listing_of_entries(
        where,
        [replace(entries, words=words)],
        _HubStore(where, rows.cast_column(image, datasets.Image(decode=False)), image),
        splits or SplitWords(),
    )


def _has_labels(labels: Iterable[Any]) -> bool:
    return any(label not in (None, -1) for label in labels)


def _column(features: Any, kind: type, spec: DataSpec, option: str) -> str:
    wanted = spec.options.get(option)
    found = [name for name, feature in features.items() if isinstance(feature, kind)]
    if wanted is None and len(found) == 1:
        return str(found[0])
    if wanted in features:
        return str(wanted)
    raise DataError(
        f"{spec.source}: which column is the {option}? Choose from {', '.join(features)}: "
        f"{spec.source}:{option}=COLUMN."
    )
