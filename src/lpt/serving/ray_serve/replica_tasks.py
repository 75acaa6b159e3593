"""The tasks of all replicas as one: what the HTTP side asks instead of a service of its own."""

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

from ray.serve.exceptions import BackPressureError

from lpt.serving.http.served_tasks import Pixels
from lpt.serving.ray_serve.task_replica import Failure
from lpt.serving.serving_records import Answer, NearestImages, QueueFull, ServingError, TaskCard

__all__ = ["ReplicaTasks"]

_PATIENCE_S = 30.0  # for a description
_log = logging.getLogger("lpt.serving")


class ReplicaTasks:
    """Tasks behind a handle of Ray Serve.

    The name of the task goes with every image, so Ray sends the image to a replica that holds the
    task, or has one load it.

    Args:
        handle: of the deployment of `lpt.serving.ray_serve.task_replica.TaskReplica`.
    """

    def __init__(self, handle: Any) -> None:
        self._handle = handle
        self._under_way: set[asyncio.Task[None]] = set()

    def submit(
        self,
        task: str,
        image: bytes | Pixels,
        *,
        embedding: bool = False,
        deadline_s: float | None = None,
    ) -> "Future[Answer]":
        """Send an image to a replica. It is called in the event loop, and returns at once."""
        holder = self._handle.options(multiplexed_model_id=task.partition("@")[0])
        remote = holder.answer.remote(task, image, embedding, deadline_s)
        future: Future[Answer] = Future()
        loop = asyncio.get_running_loop()
        job = loop.create_task(_deliver(remote, future))
        self._under_way.add(job)
        job.add_done_callback(self._under_way.discard)

        def ended(one: "Future[Answer]") -> None:
            if one.cancelled():
                loop.call_soon_threadsafe(job.cancel)

        future.add_done_callback(ended)
        return future

    def nearest(self, answer: Answer, number: int) -> NearestImages:
        """Offer no training images: the replica that answered need not be the next one asked."""
        del answer, number
        return NearestImages("unavailable")

    def cards(self) -> Sequence[TaskCard]:
        """Return the cards of one replica; `state` and `bytes` are those of that replica."""
        found: Sequence[TaskCard] = self._handle.cards.remote().result(timeout_s=_PATIENCE_S)
        return found

    def card(self, task: str) -> TaskCard:
        """Return the card of a task as one replica sees it. Raises: UnknownTask."""
        found = self._handle.card.remote(task).result(timeout_s=_PATIENCE_S)
        if isinstance(found, Failure):
            raise found.error()
        assert isinstance(found, TaskCard)
        return found

    def ready(self) -> bool:
        """Tell whether a replica accepts images."""
        try:
            return bool(self._handle.ready.remote().result(timeout_s=_PATIENCE_S))
        except Exception:  # no replica can be reached
            _log.exception("no replica is ready")
            return False


async def _deliver(remote: Any, future: "Future[Answer]") -> None:
    """End a future with what a replica answers."""
    outcome: Answer | ServingError
    try:
        found = await remote
        outcome = found.error() if isinstance(found, Failure) else found
    except asyncio.CancelledError:  # the client left
        remote.cancel()
        raise
    except BackPressureError:
        outcome = QueueFull("Too many requests wait already.", 1.0)
    except Exception:
        _log.exception("a replica failed")
        outcome = ServingError("The replica failed to answer. See the log of the server.")
    if not future.set_running_or_notify_cancel():
        return
    if isinstance(outcome, ServingError):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
