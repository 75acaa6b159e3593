"""Which versions are in main memory and on the device, within budgets of bytes."""

import threading

import torch

from lpt.serving.serving_settings import Observer, ServingSettings
from lpt.serving.store.byte_budget import ByteBudget
from lpt.serving.store.task_versions import TaskVersion
from lpt.serving.task_tables import TaskTables

__all__ = ["Residence"]

_PATIENCE_S = 5.0
"""How long a task waits until those in use leave room for it within the budget of bytes."""


class Residence:
    """Tables of versions. All methods are called with the store's lock held.

    Versions in use are never evicted. A version that does not fit beside those in use waits for
    them, at most five seconds; then it exceeds the budget rather than fail.

    Args:
        lock: the store's.
        device: the engine's.
        settings: budgets.
        observer: receives evictions and the bytes in memory.
    """

    def __init__(
        self,
        lock: threading.Lock,
        device: torch.device,
        settings: ServingSettings,
        observer: Observer,
    ) -> None:
        self._observer = observer
        self._room = threading.Condition(lock)
        self._in_use = 0  # bytes of the tables of versions with leases
        self._memory: ByteBudget[TaskVersion] = ByteBudget(settings.memory_bytes)
        self._device: ByteBudget[TaskVersion] | None = None
        self._limit = settings.memory_bytes
        if device.type != "cpu":  # there, tables in main memory are on the device
            self._device = ByteBudget(settings.device_bytes)
            self._limit = min(self._limit, settings.device_bytes)

    def add(
        self, version: TaskVersion, tables: TaskTables, placed: TaskTables, *, hot: bool
    ) -> None:
        """Hold the tables of a version, and lease it.

        Args:
            placed: the tables on the device.
            hot: whether a request waits for it; otherwise it is the first to be evicted.
        """
        self._room.wait_for(
            lambda: not self._in_use or self._in_use + tables.nbytes <= self._limit, _PATIENCE_S
        )
        version.tables, version.placed = tables, placed
        self._memory.add(version, tables.nbytes, last=hot)
        if self._device is not None:
            self._device.add(version, tables.nbytes, last=hot)
        self.lease(version, placed)
        if hot:  # else it would take the place of another one that is in demand
            self.shrink()

    def lease(self, version: TaskVersion, placed: TaskTables) -> None:
        """Note that a version on the device is used once more."""
        version.leases += 1
        if version.leases == 1:
            self._in_use += placed.nbytes
            self._memory.touch(version)
            if self._device is not None:
                self._device.touch(version)

    def release(self, version: TaskVersion) -> None:
        """Note that a version is used once less."""
        version.leases -= 1
        if not version.leases and version.placed is not None:
            self._in_use -= version.placed.nbytes
            self._room.notify_all()

    def forget(self, version: TaskVersion) -> None:
        """Drop the tables of a version."""
        version.tables = version.placed = None
        self._memory.drop(version)
        if self._device is not None:
            self._device.drop(version)

    def shrink(self) -> None:
        """Evict what exceeds the budgets, least recently used first."""
        if self._device is not None:
            for version in self._device.overdue(lambda v: v.leases > 0):
                version.placed = None
        for version in self._memory.overdue(lambda v: v.leases > 0):
            self.forget(version)
            self._observer.evicted(version.entry.name)
        self._observer.tasks(len(self._memory), self._memory.used)
