"""What the HTTP side needs of the service behind it: the service itself, or replicas of it."""

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Protocol

import numpy as np
import numpy.typing as npt

from lpt.serving.serving_records import Answer, TaskCard

__all__ = ["Pixels", "ServedTasks"]

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
    ) -> "Future[Answer]": ...

    def cards(self) -> Sequence[TaskCard]: ...

    def card(self, task: str) -> TaskCard: ...

    def load(self, name: str) -> None: ...

    def unload(self, name: str) -> None: ...

    def index(self) -> Sequence[TaskCard]: ...

    def ready(self) -> bool: ...

    def drain(self, grace_s: float) -> bool: ...

    def close(self) -> None: ...
