"""The tasks of a server: read, checked, kept within budgets of bytes, replaced while in use.

    file -> read and hashed -> validated -> tables in main memory -> tables on the device
                                              (memory_bytes)           (device_bytes)

A version is immutable and named after the hash of its file. A new one becomes visible only after it
passed its check: the hash of its backbone, all sizes, and a probe image that must give
probabilities. Until then, and if it fails, the version before it answers. Versions in use are never
evicted; all others are, least recently used first, and are read again when they are asked for. A
task that does not fit beside those in use waits for them.
"""

import threading
import time
from pathlib import Path

from lpt.errors import LptError
from lpt.escape import described
from lpt.serving.engine import Engine
from lpt.serving.serving_records import TaskCard, TaskUnavailable, UnknownTask
from lpt.serving.serving_settings import Observer, ServingSettings
from lpt.serving.store.residence import Residence
from lpt.serving.store.task_files import TaskFiles, signature_of
from lpt.serving.store.task_reader import TaskReader
from lpt.serving.store.task_versions import Lease, TaskEntry, TaskVersion, Ticket
from lpt.serving.task_names import split_version
from lpt.serving.task_tables import TaskTables
from lpt.task_spec import TaskSpec

__all__ = ["TaskStore"]


class TaskStore:
    """Tasks by name; safe to use from several threads.

    Args:
        files: where tasks are.
        engine: which runs their probes and owns the device.
        settings: budgets.
        observer: receives loads, evictions and the bytes in memory.
    """

    def __init__(
        self, files: TaskFiles, engine: Engine, settings: ServingSettings, observer: Observer
    ) -> None:
        self._files, self._engine, self._observer = files, engine, observer
        self._reader = TaskReader(engine, settings.memory_bytes, settings.accuracy, settings.match)
        self._lock = threading.Lock()
        self._entries: dict[str, TaskEntry] = {}
        self._residence = Residence(self._lock, engine.device, settings, observer)

    def scan(self) -> list[str]:
        """Look at the files. Returns: names whose file is new or has changed, to be checked."""
        found = self._files.scan()
        with self._lock:
            for name, path in found.items():
                entry = self._entries.setdefault(name, TaskEntry(name, path))
                entry.path, entry.listed = path, True
            for name in self._entries.keys() - found.keys():
                self._entries[name].listed = False
                self._tidy(self._entries[name])
            entries = [self._entries[name] for name in found]
        return [entry.name for entry in entries if self._is_stale(entry)]

    def check_headers(self) -> None:
        """Check the metadata of the tasks given by name. Raises: LptError naming a file."""
        for path in self._files.given.values():
            self._reader.check_header(path)

    def check(self, name: str) -> None:
        """Read the file of a task, if it has changed; failures are noted on its card."""
        entry = self._entries.get(name)
        if entry is None:
            return
        with entry.loading:
            if self._is_stale(entry):
                lease = self._read(entry, hot=False)
                if lease is not None:
                    lease.release()

    def accept(self, task: str) -> Ticket:
        """Accept a request for "name" or "name@version"; end it with `ended`.

        Raises: UnknownTask, TaskUnavailable.
        """
        parts = split_version(task)
        with self._lock:
            entry = self._entries.get(parts[0]) if parts else None
            if parts is None or entry is None or not entry.listed:
                raise UnknownTask(f"{described(task)}: no such task.")
            if entry.unloaded:
                raise TaskUnavailable(f"{entry.name}: unloaded; load it first.")
            version = task if parts[1] else None
            now = None if entry.current is None else entry.current.name
            if version and now and version != now and version not in entry.replaced:
                raise UnknownTask(f"{task}: no such version; now: {now}.")
            entry.waiting += 1
            return Ticket(entry, version)

    def ended(self, ticket: Ticket) -> None:
        """Note that an accepted request has ended."""
        with self._lock:
            ticket.entry.waiting -= 1
            self._tidy(ticket.entry)

    def hold(self, ticket: Ticket) -> Lease:
        """Lease the version that a request needs; read its file first if it is not in memory.

        Raises: TaskUnavailable naming the task and the reason.
        """
        entry = ticket.entry
        with self._lock:
            lease = self._in_memory(ticket)
        if lease is not None:
            return lease
        with entry.loading:
            with self._lock:
                lease = self._in_memory(ticket)
            lease = lease or self._place(entry)
            if lease is None and (entry.failure is None or self._is_stale(entry)):
                lease = self._read(entry, hot=True)
        if lease is None:
            raise TaskUnavailable(entry.failure or f"{entry.name}: cannot be loaded.")
        if ticket.version not in (None, lease.version.name):
            lease.release()
            raise TaskUnavailable(f"{ticket.version}: was replaced by {lease.version.name}.")
        return lease

    def load(self, name: str) -> None:
        """Load a task now, and read its file again if it has changed.

        Raises: UnknownTask, TaskUnavailable.
        """
        with self._lock:
            if name not in self._entries:
                raise UnknownTask(f"{described(name)}: no such task.")
            self._entries[name].unloaded = False
        self.check(name)
        ticket = self.accept(name)
        try:
            self.hold(ticket).release()
        finally:
            self.ended(ticket)

    def unload(self, name: str) -> None:
        """Release a task once its accepted requests have ended; it takes no more until `load`.

        Raises: UnknownTask.
        """
        with self._lock:
            if name not in self._entries:
                raise UnknownTask(f"{described(name)}: no such task.")
            self._entries[name].unloaded = True
            self._tidy(self._entries[name])

    def cards(self) -> list[TaskCard]:
        """Describe all tasks, by name."""
        with self._lock:
            return [e.card() for _, e in sorted(self._entries.items()) if e.listed]

    def card(self, task: str) -> TaskCard:
        """Describe one task. Raises: UnknownTask for an unknown name or version."""
        parts = split_version(task)
        with self._lock:
            entry = self._entries.get(parts[0]) if parts else None
            if parts is None or entry is None or not entry.listed:
                raise UnknownTask(f"{described(task)}: no such task.")
            card = entry.card()
        if parts[1] and card.version != task:
            raise UnknownTask(f"{task}: no such version; now: {card.version}.")
        return card

    def file_of(self, version: str) -> tuple[Path, TaskSpec] | None:
        """Return file and metadata of a current version by its full name; None if it is not."""
        with self._lock:
            entry = self._entries.get(version.partition("@")[0])
            current = None if entry is None else entry.current
            if entry is None or current is None or current.name != version:
                return None
            return entry.path, current.spec

    def close(self) -> None:
        """Release all tables."""
        with self._lock:
            for entry in self._entries.values():
                for version in filter(None, [entry.current, *entry.replaced.values()]):
                    self._residence.forget(version)

    def _is_stale(self, entry: TaskEntry) -> bool:
        now = signature_of(entry.path)
        return entry.seen is None or not entry.seen.settled or entry.seen.facts != now.facts

    def _in_memory(self, ticket: Ticket) -> Lease | None:
        """Lease the version if its tables are on the device; the lock is held."""
        entry = ticket.entry
        version = entry.current
        if ticket.version and not (version and version.name == ticket.version):
            version = entry.replaced.get(ticket.version)
        if version is None or version.placed is None:
            return None
        return self._lease(version, version.placed)

    def _lease(self, version: TaskVersion, placed: TaskTables) -> Lease:
        self._residence.lease(version, placed)
        return Lease(version, placed, self._released)

    def _released(self, version: TaskVersion) -> None:
        entry = version.entry
        with self._lock:
            self._residence.release(version)
            if version.retired and not version.leases:
                if entry.replaced.get(version.name) is version:
                    del entry.replaced[version.name]
                self._residence.forget(version)
            self._tidy(entry)
            self._residence.shrink()

    def _place(self, entry: TaskEntry) -> Lease | None:
        """Bring the current version from main memory to the device, if it is in main memory."""
        with self._lock:
            version = entry.current
            tables = None if version is None else version.tables
        if version is None or tables is None:
            return None
        return self._install(version, tables, hot=True)

    def _read(self, entry: TaskEntry, *, hot: bool) -> Lease | None:
        """Read the file, check it, and make it the current version.

        The caller holds `entry.loading`.

        Args:
            hot: whether a request waits for it; otherwise it is the first to be evicted.
        Returns: None if it fails, with a reason in `entry.failure`, or if nobody waits for it and
            its content is known.
        """
        began, signature, current = time.perf_counter(), signature_of(entry.path), entry.current
        passed = None if current is None else current.sha256
        lease, failure = None, None
        try:
            content = self._reader.read(entry.path, entry.name, passed, again=hot)
            if content is not None:
                version = current
                if version is None or content.sha256 != passed:
                    version = TaskVersion(entry, content.sha256, content.spec)
                version.threshold = content.threshold
                lease = self._install(version, content.tables, hot=hot)
        except LptError as error:
            failure = str(error)
        with self._lock:
            entry.failure, entry.seen = failure, signature
        self._observer.stage("load", time.perf_counter() - began)
        return lease

    def _install(self, version: TaskVersion, tables: TaskTables, *, hot: bool) -> Lease:
        """Put tables into memory and on the device, and make the version the current one."""
        placed, entry = tables.to(self._engine.device), version.entry
        with self._lock:
            self._residence.add(version, tables, placed, hot=hot)
            before, entry.current = entry.current, version
            if before is not None and before is not version:
                before.retired = True
                if before.leases:
                    entry.replaced[before.name] = before
                else:
                    self._residence.forget(before)
        return Lease(version, placed, self._released)

    def _tidy(self, entry: TaskEntry) -> None:
        """Release what nobody will ask for any more; the lock is held."""
        version = entry.current
        in_use = entry.waiting or entry.replaced or (version is not None and version.leases)
        if in_use or (entry.listed and not entry.unloaded):
            return
        if version is not None:
            self._residence.forget(version)
        if not entry.listed and self._entries.get(entry.name) is entry:
            del self._entries[entry.name]
