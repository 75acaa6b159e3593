"""What the HTTP side needs of what answers: a service in this process, or replicas elsewhere."""

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Protocol

import numpy as np
import numpy.typing as npt

from lpt.serving.serving_records import Answer, NearestImages, TaskCard

__all__ = ["ManagedTasks", "Pixels", "ServedTasks"]

Pixels = npt.NDArray[np.float32]
"""(3, H, H) an image as the backbone takes it."""


class ServedTasks(Protocol):
    """Tasks that answer images; `lpt.serving.service.Service` documents each method."""

    def submit(
        self,
        task: str,
        image: bytes | Pixels,
        *,
        embedding: bool = False,
        deadline_s: float | None = None,
    ) -> "Future[Answer]":
        """Accept an image. Raises: ServingError at once where it is refused."""

    def nearest(self, answer: Answer, number: int) -> NearestImages:
        """Return the training images nearest to an answered image."""

    def cards(self) -> Sequence[TaskCard]:
        """Return a card of every task."""

    def card(self, task: str) -> TaskCard:
        """Return the card of a task, or of a version."""

    def ready(self) -> bool:
        """Tell whether images are accepted."""


class ManagedTasks(ServedTasks, Protocol):
    """Tasks in this process, which can be loaded, unloaded and drained."""

    def load(self, name: str) -> None:
        """Load a task that was given at start, or its newest version."""

    def unload(self, name: str) -> None:
        """Unload a task."""

    def index(self) -> bool:
        """Look for tasks again where they were given at start."""

    def drain(self, grace_s: float) -> bool:
        """Refuse further images; tell whether those accepted were answered in time."""

    def close(self) -> None:
        """Free everything."""
