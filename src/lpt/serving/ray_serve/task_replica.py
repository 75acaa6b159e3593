"""One replica: a service whose answers and failures travel between processes. No Ray here."""

import asyncio
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lpt.machine.collector import settle_collector
from lpt.machine.threads import use_threads
from lpt.serving.http.served_tasks import Pixels
from lpt.serving.service import Service, ServingSettings
from lpt.serving.serving_records import (
    Answer,
    BadImage,
    DeadlineExceeded,
    Draining,
    QueueFull,
    ServingError,
    TaskCard,
    TaskUnavailable,
    TooLarge,
    UnknownTask,
)

__all__ = ["Failure", "TaskReplica"]

_KINDS: dict[str, type[ServingError]] = {
    kind.__name__: kind
    for kind in (BadImage, DeadlineExceeded, Draining, TaskUnavailable, TooLarge, UnknownTask)
}


@dataclass(frozen=True)
class Failure:
    """A ServingError as a value: exceptions lose their type on the way between processes.

    Attributes:
        kind: name of its class.
        message: one line.
        retry_after: seconds, for a full queue.
    """

    kind: str
    message: str
    retry_after: float = 1.0

    @classmethod
    def of(cls, error: ServingError) -> "Failure":
        """Describe an error.

        >>> Failure.of(QueueFull("9 requests wait already.", 2.0)).error().retry_after
        2.0
        """
        return cls(type(error).__name__, str(error), getattr(error, "retry_after", 1.0))

    def error(self) -> ServingError:
        """Return the error again."""
        if self.kind == QueueFull.__name__:
            return QueueFull(self.message, self.retry_after)
        return _KINDS.get(self.kind, ServingError)(self.message)


class TaskReplica:
    """A service that is asked by `lpt.serving.ray_serve.replica_tasks.ReplicaTasks`.

    Args:
        tasks, folder, backbone, device, settings: as for `lpt.serving.service.Service`.
        threads: that compute on a CPU; None for one per core.
    """

    def __init__(
        self,
        tasks: Sequence[str | Path],
        folder: Path | None,
        backbone: str | None,
        device: str,
        settings: ServingSettings | None,
        threads: int | None,
    ) -> None:
        use_threads(threads)
        self._service = Service(
            tasks, folder=folder, backbone=backbone, device=device, settings=settings
        )
        self._service.index()
        self._id, self._answered = uuid.uuid4().hex, Counter[str]()
        settle_collector()

    async def hold(self, task: str) -> str:
        """Bring a task into memory; the application notes which replica holds which task."""
        await asyncio.to_thread(self._service.load, task)
        return task

    async def answer(
        self, task: str, image: bytes | Pixels, embedding: bool, deadline_s: float | None
    ) -> Answer | Failure:
        """Answer an image; the arguments are those of `Service.submit`."""
        try:
            card = self._service.card(task)
            if card.reason is None:
                await self.hold(card.name)
            future = self._service.submit(task, image, embedding=embedding, deadline_s=deadline_s)
            found = await asyncio.wrap_future(future)
        except ServingError as error:
            return Failure.of(error)
        self._answered[found.task] += 1
        return found

    async def cards(self) -> list[TaskCard]:
        """Describe all tasks, as this replica sees them."""
        return self._service.cards()

    async def card(self, task: str) -> TaskCard | Failure:
        """Describe a task or a version."""
        try:
            return self._service.card(task)
        except ServingError as error:
            return Failure.of(error)

    async def ready(self) -> bool:
        """Tell whether images are accepted."""
        return self._service.ready()

    async def report(self) -> dict[str, Any]:
        """Return `replica`, an id, and `answered`, the images of each task that it answered."""
        return {"replica": self._id, "answered": dict(self._answered)}
