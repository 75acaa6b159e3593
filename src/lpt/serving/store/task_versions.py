"""Tasks as a server knows them: names, each with its versions, and leases on versions in use."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from lpt.data.images.transforms import Transform
from lpt.serving.serving_records import TaskCard, TaskState
from lpt.serving.store.task_files import Signature
from lpt.serving.task_names import versioned
from lpt.serving.task_tables import TaskTables
from lpt.task.class_prior import Floats, source_prior
from lpt.task.inference.run_split import transform_of
from lpt.task_spec import TaskSpec

__all__ = ["Lease", "TaskEntry", "TaskVersion", "Ticket"]


@dataclass(eq=False)
class TaskVersion:
    """One content of a task file. The store's lock guards the fields that change.

    Attributes:
        entry: the name that it belongs to.
        sha256: of the file.
        spec: metadata.
        tables: in main memory; None while it is evicted.
        placed: on the engine's device; `tables` itself if that is the CPU.
        leases: how many use it now. A version in use is never evicted.
        retired: whether another version has replaced it.
        threshold: probability below which it is not sure; None where it states none.
    """

    entry: "TaskEntry"
    sha256: str
    spec: TaskSpec
    tables: TaskTables | None = None
    placed: TaskTables | None = None
    leases: int = 0
    retired: bool = False
    threshold: float | None = None

    @property
    def name(self) -> str:
        """Name and version."""
        return versioned(self.entry.name, self.sha256)

    @cached_property
    def transform(self) -> Transform:
        """From an upright RGB image to the input of the backbone."""
        return transform_of(self.spec)

    @cached_property
    def source_prior(self) -> Floats:
        """(C,) class frequencies that its probabilities reflect."""
        return source_prior(self.spec)


@dataclass(eq=False)
class TaskEntry:
    """A name, its file and its versions. The store's lock guards all fields.

    Attributes:
        name: of the task.
        path: of its file.
        seen: signature of the file when it was read last; None before that.
        current: the version that passed its check last.
        replaced: versions in use that another one has replaced, by their full names.
        failure: why the file as it was read last cannot be used; None if it can.
        unloaded: whether it answers no requests until it is loaded.
        listed: whether its file is there.
        waiting: requests that were accepted and have not ended.
        loading: held by the one thread that reads the file.
    """

    name: str
    path: Path
    seen: Signature | None = None
    current: TaskVersion | None = None
    replaced: dict[str, TaskVersion] = field(default_factory=dict)
    failure: str | None = None
    unloaded: bool = False
    listed: bool = True
    waiting: int = 0
    loading: threading.Lock = field(default_factory=threading.Lock)

    @property
    def state(self) -> TaskState:
        """The state that a card shows."""
        if self.current is not None:
            return "registered" if self.current.tables is None else "resident"
        return "loading" if self.failure is None else "failed"

    def card(self) -> TaskCard:
        """Describe the task by its current version."""
        reason = "unloaded; load it first" if self.unloaded else self.failure
        version = self.current
        if version is None:
            return TaskCard(self.name, self.name, (), None, {}, "", 0, 0, self.state, reason, {})
        spec = version.spec
        shown = {"class_names", "class_counts", "metrics", "backbone", "validation"}
        return TaskCard(
            name=self.name,
            version=version.name,
            classes=spec.class_names,
            class_counts=spec.class_counts,
            metrics=spec.metrics,
            backbone=spec.backbone.name,
            image_size=spec.backbone.image_size,
            bytes=0 if version.tables is None else version.tables.nbytes,
            state=self.state,
            reason=reason,
            metadata=spec.model_dump(exclude=shown),
        )


@dataclass(frozen=True)
class Ticket:
    """What an accepted request asked for.

    Attributes:
        entry: the task.
        version: its full name, or None for the newest version at the time of its batch.
    """

    entry: TaskEntry
    version: str | None


class Lease:
    """The right to use one version until `release`. A context manager.

    Attributes:
        version: which stays in memory.
        tables: of the version, on the engine's device.
    """

    def __init__(
        self, version: TaskVersion, tables: TaskTables, release: Callable[[TaskVersion], None]
    ) -> None:
        self.version = version
        self.tables = tables
        self._release = release
        self._held = True

    def release(self) -> None:
        """Give the version back, once; later calls do nothing."""
        if self._held:
            self._held = False
            self._release(self.version)

    def __enter__(self) -> "Lease":
        return self

    def __exit__(self, *error: object) -> None:
        self.release()
