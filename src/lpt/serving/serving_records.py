"""Records and errors that serving hands out: answers, cards of tasks, refusals."""

from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor

from lpt.errors import LptError

__all__ = [
    "Answer",
    "BadImage",
    "DeadlineExceeded",
    "Draining",
    "QueueFull",
    "ServingError",
    "TaskCard",
    "TaskUnavailable",
    "TooLarge",
    "UnknownTask",
]


@dataclass(frozen=True)
class Answer:
    """Placeholder of the engine branch."""

    task: str
    version: str
    probabilities: Tensor
    labels: tuple[str, ...]
    matched: tuple[int, ...]
    threshold: float | None
    embedding: Tensor | None
    timings: dict[str, float]


@dataclass(frozen=True)
class TaskCard:
    """Placeholder of the engine branch."""

    name: str
    version: str
    classes: tuple[str, ...]
    class_counts: tuple[int, ...] | None
    metrics: dict[str, Any]
    backbone: str
    image_size: int
    bytes: int
    state: Literal["resident", "registered", "loading", "failed"]
    reason: str | None
    metadata: dict[str, Any]


class ServingError(LptError):
    """Placeholder of the engine branch."""


class UnknownTask(ServingError):
    """Placeholder of the engine branch."""


class TaskUnavailable(ServingError):
    """Placeholder of the engine branch."""


class QueueFull(ServingError):
    """Placeholder of the engine branch."""

    def __init__(self, *lines: str, retry_after: float) -> None:
        super().__init__(*lines)
        self.retry_after = retry_after


class DeadlineExceeded(ServingError):
    """Placeholder of the engine branch."""


class Draining(ServingError):
    """Placeholder of the engine branch."""


class BadImage(ServingError):
    """Placeholder of the engine branch."""


class TooLarge(ServingError):
    """Placeholder of the engine branch."""
