"""A group of processes for tests: threads of one process, which exchange as processes do."""

import threading
from collections.abc import Callable
from typing import Any

import torch

from lpt.machine.group.process_group import ProcessGroup

SECONDS = 60.0
"""A thread that waits longer hangs."""


class _Table:
    def __init__(self, size: int) -> None:
        self.values: list[Any] = [None] * size
        self.barrier = threading.Barrier(size)


class ThreadGroup(ProcessGroup):
    """The place of one thread; `in_threads` makes as many as there are."""

    def __init__(self, rank: int, size: int, table: _Table) -> None:
        self.rank, self.size = rank, size
        self.local_rank, self.local_size = rank, size
        self._table = table

    def _all(self, value: Any) -> list[Any]:
        self._table.values[self.rank] = value
        self._table.barrier.wait(SECONDS)
        found = list(self._table.values)
        self._table.barrier.wait(SECONDS)
        return found

    def add_up(self, tensor: torch.Tensor) -> None:
        own = self._all(tensor.clone())
        tensor.copy_(torch.stack(own).sum(0))

    def from_main(self, data: bytes | None, *, patient: bool = False) -> bytes:
        return self._all(data)[0]

    def to_main(self, data: bytes) -> list[bytes]:
        found = self._all(data)
        return found if self.is_main else []

    def wait(self) -> None:
        self._all(None)

    def stop(self) -> None:
        self._table.barrier.abort()


def in_threads(size: int, do: Callable[[ProcessGroup], Any]) -> list[Any]:
    """Call a function in every process of a group; return the results, or raise the first error."""
    table = _Table(size)
    found: list[Any] = [None] * size
    errors: list[BaseException] = []

    def run(rank: int) -> None:
        group = ThreadGroup(rank, size, table)
        try:
            found[rank] = do(group)
        except BaseException as error:
            if not isinstance(error, threading.BrokenBarrierError):
                errors.append(error)
            group.stop()

    threads = [threading.Thread(target=run, args=(rank,), daemon=True) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2 * SECONDS)
    assert not any(thread.is_alive() for thread in threads), "a process hangs"
    if errors:
        raise errors[0]
    return found
