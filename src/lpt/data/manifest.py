"""What a data set holds: classes by name, and splits of images with labels."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lpt.data.image_stores import ImageRef, ImageStore
from lpt.errors import DataError

__all__ = ["Manifest", "Split"]

Ids = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """Some images of a store, in order, with labels. Nothing is read before `read`.

    Attributes:
        name: train, val or test.
        store: where the bytes are.
        positions: (n,) positions in the store.
        labels: (n,) int64 class indices.
    """

    name: str
    store: ImageStore
    positions: Ids
    labels: Ids

    def __len__(self) -> int:
        return len(self.labels)

    def read(self, index: int) -> bytes:
        """Encoded bytes of an image. Raises: DataError naming the file."""
        return self.store.read(int(self.positions[index]))

    def ref(self, index: int) -> ImageRef:
        """Where an image is."""
        return self.store.ref(int(self.positions[index]))

    def name_of(self, index: int) -> str:
        """What messages call an image: its path, and its row in a Parquet file."""
        return str(self.ref(index))

    def take(self, indices: npt.ArrayLike, name: str | None = None) -> "Split":
        """The images at `indices`, in that order, as a split of their own."""
        kept = np.asarray(indices, dtype=np.int64)
        return Split(name or self.name, self.store, self.positions[kept], self.labels[kept])


@dataclass(frozen=True)
class Manifest:
    """A data set: the names of its classes, in index order, and its splits.

    Attributes:
        name: what reports call it.
        class_names: (C,) names; a label is an index into them in every split.
        splits: train, val and test, as far as the data has them.
        set_aside: those of val and test that the data did not name: drawn from train.
    """

    name: str
    class_names: tuple[str, ...]
    splits: dict[str, Split]
    set_aside: tuple[str, ...] = ()

    @property
    def num_classes(self) -> int:
        """C."""
        return len(self.class_names)

    def split(self, name: str) -> Split:
        """A split by name. Raises: DataError naming those there are."""
        if name not in self.splits:
            raise DataError(
                f"{self.name}: no {name} split (there is {', '.join(self.splits) or 'none'}). "
                "Name other data, or let a part of train be set aside."
            )
        return self.splits[name]

    def counts(self, split: str = "train") -> Ids:
        """Images of each class in a split: (C,), zeros included.

        Raises: DataError if there is no such split.
        """
        return np.bincount(self.split(split).labels, minlength=self.num_classes).astype(np.int64)
