"""Image data sets of the Hugging Face hub, through its optional `datasets` library."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lpt.data.image_stores import ImageRef
from lpt.data.sources.data_string import DataSpec
from lpt.data.sources.listing import Listing, canonical_split, class_indices
from lpt.errors import DataError

__all__ = ["HUB_OPTIONS", "HUB_PREFIX", "read_hub"]

HUB_PREFIX = "hf:"
HUB_OPTIONS = ("config", "image", "label")


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
        try:
            return Path(value["path"]).read_bytes()
        except (OSError, TypeError, KeyError) as error:
            raise DataError(
                f"{self.ref(position)}: the image cannot be read ({error}). "
                "Download the data set again."
            ) from error


def read_hub(spec: DataSpec, *, group_by: str | None = None) -> Listing:
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
    known = {split: rows for split, rows in loaded.items() if max(rows[label], default=-1) != -1}
    if not known:
        raise DataError(f"{spec.source}: no split has labels. Choose another data set.")
    rows = datasets.concatenate_datasets(list(known.values()))
    numbers = np.array(rows[label])
    names = getattr(features[label], "names", None)
    class_names, index, named = class_indices(
        numbers, None if names is None else np.array([names[n] for n in numbers]), spec.source
    )
    if group_by is not None and group_by not in features:
        raise DataError(
            f"{spec.source}: no column {group_by!r} to group by. Choose from {', '.join(features)}."
        )
    return Listing(
        name=spec.source,
        class_names=class_names,
        named=named,
        store=_HubStore(spec.source, rows.cast_column(image, datasets.Image(decode=False)), image),
        labels=index,
        splits=np.concatenate([np.full(len(r), canonical_split(s)) for s, r in known.items()]),
        groups=None if group_by is None else np.array([str(value) for value in rows[group_by]]),
    )


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
