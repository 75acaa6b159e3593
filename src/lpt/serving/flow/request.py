"""One request on its way through a service."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from typing import Literal

import numpy as np
import numpy.typing as npt
from torch import Tensor

from lpt.serving.serving_records import (
    Answer,
    BadImage,
    DeadlineExceeded,
    Draining,
    TaskUnavailable,
    TooLarge,
)
from lpt.serving.store.task_versions import Lease, Ticket

__all__ = ["Request", "outcome_of"]

Stage = Literal["new", "arrived", "decoding", "ready", "running", "ended"]

_OUTCOMES: tuple[tuple[type[BaseException], str], ...] = (
    (TooLarge, "too_large"),
    (BadImage, "bad_image"),
    (DeadlineExceeded, "deadline"),
    (Draining, "draining"),
    (TaskUnavailable, "unavailable"),
)


class Request:
    """An image, the task it is for, and the future of its answer.

    Every request ends exactly once: with an answer, with an error, or cancelled by its caller. The
    queue's lock guards `stage`.

    Args:
        ticket: of the task.
        image: encoded, or transformed as the task prescribes.
        embedding: whether the answer holds the feature.
        deadline_s: seconds from now after which it fails.

    Attributes:
        future: of the answer.
        accepted, deadline: on `time.monotonic`'s clock.
        size: bytes of the image.
        stage: where the request is.
        lease, tensor: the version that will answer, and its input; set once the image is decoded.
        decode_s: seconds that loading the task, decoding and transforming took.
    """

    def __init__(
        self,
        ticket: Ticket,
        image: bytes | npt.NDArray[np.float32],
        *,
        embedding: bool,
        deadline_s: float,
    ) -> None:
        self.ticket = ticket
        self.task = ticket.entry.name
        self.image: bytes | npt.NDArray[np.float32] | None = image
        self.embedding = embedding
        self.accepted = time.monotonic()
        self.deadline = self.accepted + deadline_s
        self.deadline_s = deadline_s
        self.size = len(image) if isinstance(image, bytes) else image.nbytes
        self.future: Future[Answer] = Future()
        self.stage: Stage = "new"
        self.lease: Lease | None = None
        self.tensor: Tensor | None = None
        self.decode_s = 0.0
        self._lock = threading.Lock()
        self._ended = False

    def on_end(self, call: Callable[["Request", str], None]) -> None:
        """Call a function with the request and its outcome when it ends, in whatever thread."""
        self.future.add_done_callback(lambda future: call(self, outcome_of(future)))

    def start(self) -> bool:
        """Make the request impossible to cancel. Returns: whether an answer is still wanted."""
        with self._lock:
            return not self._ended and self.future.set_running_or_notify_cancel()

    def answer(self, answer: Answer) -> None:
        """End with an answer, unless it has ended."""
        if self._claim():
            self.future.set_result(answer)

    def fail(self, error: BaseException) -> None:
        """End with an error, unless it has ended."""
        if self._claim():
            try:
                self.future.set_exception(error)
            except InvalidStateError:  # its caller was faster and has cancelled it
                return

    @property
    def ended(self) -> bool:
        """Whether nobody waits for an answer any more."""
        return self._ended or self.future.cancelled()

    def age(self) -> float:
        """Seconds since the request was accepted."""
        return time.monotonic() - self.accepted

    def release(self) -> None:
        """Let go of the image and of the version."""
        self.image = self.tensor = None
        if self.lease is not None:
            self.lease.release()

    def _claim(self) -> bool:
        with self._lock:
            claimed, self._ended = not self._ended, True
            return claimed


def outcome_of(future: "Future[Answer]") -> str:
    """Return how a request has ended, as `lpt.serving.serving_settings.Observer` names it."""
    if future.cancelled():
        return "cancelled"
    error = future.exception()
    if error is None:
        return "ok"
    return next((name for kind, name in _OUTCOMES if isinstance(error, kind)), "error")
