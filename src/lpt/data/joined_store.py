"""Images of several sources behind one another, as one source."""

from dataclasses import dataclass, replace

import numpy as np

from lpt.data.image_stores import ImageRef, ImageStore
from lpt.data.manifest import Split

__all__ = ["JoinedStore", "join_splits"]


@dataclass(frozen=True)
class JoinedStore:
    """The images of the first store, then those of the second.

    Attributes:
        first, second: the stores.
    """

    first: ImageStore
    second: ImageStore

    def __len__(self) -> int:
        return len(self.first) + len(self.second)

    def ref(self, position: int) -> ImageRef:
        """Location of an image."""
        store, place = self._find(position)
        return store.ref(place)

    def read(self, position: int) -> bytes:
        """Read an encoded image. Raises: DataError naming the file that cannot be read."""
        store, place = self._find(position)
        return store.read(place)

    def _find(self, position: int) -> tuple[ImageStore, int]:
        before = len(self.first)
        return (self.first, position) if position < before else (self.second, position - before)


def join_splits(one: Split, other: Split) -> Split:
    """Return a split with the images of both, under the name of the first."""
    return replace(
        one,
        store=JoinedStore(one.store, other.store),
        positions=np.concatenate([one.positions, other.positions + len(one.store)]),
        labels=np.concatenate([one.labels, other.labels]),
    )
