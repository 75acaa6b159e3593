"""The contents of a data set: class names, and splits of images with labels."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from lpt.data.image_stores import ImageRef, ImageStore
from lpt.data.image_tree import Problem
from lpt.errors import DataError
from lpt.progress import plural

__all__ = ["CorrectionCounts", "Manifest", "Split"]

Ids = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """Images of a store, in order, with labels. Images are only read by `read`.

    Attributes:
        name: train, val or test.
        store: source of the encoded images.
        positions: (n,) positions in the store.
        labels: (n,) int64 class indices.
        max_pixels: largest number of pixels of an image; None is the limit of
            `lpt.data.images.limits.pixel_limit`.
    """

    name: str
    store: ImageStore
    positions: Ids
    labels: Ids
    max_pixels: int | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        return f"Split({self.name!r}: {plural(len(self), 'image')})"

    def read(self, index: int) -> bytes:
        """Read the encoded bytes of an image. Raises: DataError naming the file."""
        return self.store.read(int(self.positions[index]))

    def ref(self, index: int) -> ImageRef:
        """Location of an image."""
        return self.store.ref(int(self.positions[index]))

    def name_of(self, index: int) -> str:
        """Name of an image in messages: its path, and its row in a Parquet file."""
        return str(self.ref(index))

    def take(self, indices: npt.ArrayLike, name: str | None = None) -> "Split":
        """Select the images at `indices`, in that order, as a new split."""
        kept = np.asarray(indices, dtype=np.int64)
        return replace(
            self,
            name=name or self.name,
            positions=self.positions[kept],
            labels=self.labels[kept],
        )


@dataclass(frozen=True)
class CorrectionCounts:
    """Numbers of images that a list of corrections decided about.

    Attributes:
        changed: images with another label than in the data.
        dropped: images that are left out.
        confirmed: images whose label was confirmed; nothing changes for them.
    """

    changed: int
    dropped: int
    confirmed: int

    def __str__(self) -> str:
        return (
            f"{plural(self.changed, 'label')} changed, {plural(self.dropped, 'image')} left out, "
            f"{self.confirmed:,} confirmed"
        )


@dataclass(frozen=True)
class Manifest:
    """A data set: its class names and its splits.

    Attributes:
        name: name in reports.
        class_names: (C,) names; labels are indices into them in every split.
        splits: those of train, val and test that there are.
        set_aside: those of val and test that the data lacked, held out of its training images.
        notes: lines about the data that people should see, such as what was left out.
        problems: faults that keep some images from being used; empty unless asked for.
        corrections: what a list of corrections changed; None without one.
    """

    name: str
    class_names: tuple[str, ...]
    splits: dict[str, Split]
    set_aside: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    corrections: CorrectionCounts | None = None

    def __repr__(self) -> str:
        sizes = ", ".join(f"{len(split):,} {name}" for name, split in self.splits.items())
        classes = plural(self.num_classes, "class", "classes")
        return f"Manifest({self.name!r}: {classes}, {sizes or 'no'} images)"

    @property
    def num_classes(self) -> int:
        """Number of classes, C."""
        return len(self.class_names)

    def split(self, name: str) -> Split:
        """Get a split by name. Raises: DataError naming those there are."""
        if name not in self.splits:
            raise DataError(
                f"{self.name}: no {name} split (there is {', '.join(self.splits) or 'none'}). "
                "Choose other data, or hold out a share of the training images."
            )
        return self.splits[name]

    def counts(self, split: str = "train") -> Ids:
        """Count the images of each class in a split: (C,), zeros included.

        Raises: DataError if there is no such split.
        """
        return np.bincount(self.split(split).labels, minlength=self.num_classes).astype(np.int64)
