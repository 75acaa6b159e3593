"""A queue that serves its tasks in turn."""

from typing import Generic, TypeVar

__all__ = ["FairQueue"]

T = TypeVar("T")


class FairQueue(Generic[T]):
    """Items of several tasks. Tasks take turns, and each gives its oldest item.

    A task that has just got its first item waits until all others had one turn, however many items
    they have. It is not safe to use from several threads without a lock.

    >>> queue = FairQueue()
    >>> for name, item in [("a", 1), ("a", 2), ("a", 3), ("b", 4)]:
    ...     queue.add(name, item)
    >>> [queue.pop() for _ in range(len(queue))]
    [1, 4, 2, 3]
    """

    def __init__(self) -> None:
        self._items: dict[str, dict[T, None]] = {}  # the next turn is that of the first task
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def add(self, task: str, item: T) -> None:
        """Add an item, which must be hashable and new."""
        self._items.setdefault(task, {})[item] = None
        self._length += 1

    def pop(self) -> T:
        """Remove and return the next item. Raises: IndexError if there is none."""
        for task, items in self._items.items():
            item = next(iter(items))
            del items[item], self._items[task]
            if items:
                self._items[task] = items  # behind all others
            self._length -= 1
            return item
        raise IndexError("no item is left")

    def remove(self, task: str, item: T) -> bool:
        """Remove an item. Returns: whether it was still there."""
        items = self._items.get(task, {})
        if item not in items:
            return False
        del items[item]
        if not items:
            del self._items[task]
        self._length -= 1
        return True
