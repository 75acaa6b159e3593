"""What is used least goes first: a budget of bytes for things that are held."""

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

__all__ = ["ByteBudget"]

K = TypeVar("K", bound=Hashable)


class ByteBudget(Generic[K]):
    """Sizes of things in the order of their last use. It is not safe to use without a lock.

    Args:
        limit: bytes of all things together.

    >>> budget = ByteBudget(100)
    >>> budget.add("old", 60), budget.add("new", 60)
    (None, None)
    >>> budget.overdue(lambda thing: False), budget.used
    (['old'], 60)
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0
        self._sizes: dict[K, int] = {}

    def __len__(self) -> int:
        return len(self._sizes)

    def __contains__(self, thing: K) -> bool:
        return thing in self._sizes

    def add(self, thing: K, size: int, *, last: bool = True) -> None:
        """Add a thing as the one used last, or as the first to go."""
        self.drop(thing)
        rest = {} if last else self._sizes
        if not last:
            self._sizes = {}
        self._sizes[thing] = size
        self._sizes |= rest
        self.used += size

    def touch(self, thing: K) -> None:
        """Note that a thing is used."""
        if thing in self._sizes:
            self._sizes[thing] = self._sizes.pop(thing)

    def drop(self, thing: K) -> None:
        """Remove a thing, if it is there."""
        self.used -= self._sizes.pop(thing, 0)

    def overdue(self, pinned: Callable[[K], bool]) -> list[K]:
        """Remove what exceeds the limit, least recently used first; pinned things stay.

        Returns: what was removed.
        """
        removed: list[K] = []
        if self.used > self.limit:
            for thing in list(self._sizes):
                if self.used <= self.limit:
                    break
                if not pinned(thing):
                    self.drop(thing)
                    removed.append(thing)
        return removed
