"""The records that a service gives, and the errors that it raises."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from jaxtyping import Float
from torch import Tensor

from lpt.errors import LptError

__all__ = [
    "Answer",
    "BadImage",
    "DeadlineExceeded",
    "Draining",
    "NearestImages",
    "NearestState",
    "QueueFull",
    "ServingError",
    "TaskCard",
    "TaskState",
    "TaskUnavailable",
    "TooLarge",
    "TrainingImage",
    "UnknownTask",
]

TaskState = Literal["resident", "registered", "loading", "failed"]
NearestState = Literal["ready", "preparing", "unavailable"]


@dataclass(frozen=True)
class Answer:
    """The prediction of one image by one version of a task.

    Attributes:
        task: name of the task.
        version: name and version, "birds@3f9c0d1a2b4c": the first 12 hexadecimal digits of the
            SHA-256 of the task file that gave the answer.
        probabilities: (C,) calibrated, float32, on the CPU.
        labels: (C,) names of the classes of that version; the index is the class.
        matched: ids of the T matched group prompts, nearest first; () for a task of phase 1 only.
        threshold: probability below which the task is not sure; None where it states none.
        embedding: (D,) the feature that the classifier saw, if it was asked for.
        timings: seconds by stage: "decode", "wait" (from acceptance to the batch, without
            decoding) and "compute" (of the whole batch).
        class_counts: (C,) training images per class; None if they are not known.
        source_prior: (C,) class frequencies that the probabilities reflect; None if all alike.
    """

    task: str
    version: str
    probabilities: Float[Tensor, " C"]
    labels: tuple[str, ...]
    matched: tuple[int, ...]
    threshold: float | None
    embedding: Float[Tensor, " D"] | None
    timings: Mapping[str, float]
    class_counts: tuple[int, ...] | None = None
    source_prior: npt.NDArray[np.floating[Any]] | None = None


@dataclass(frozen=True)
class TaskCard:
    """Facts about a task, for people who choose one.

    Attributes:
        name: of the task.
        version: name and version; see `Answer`. The name alone if no version could be read.
        classes: (C,) names.
        class_counts: (C,) training images of each class; None if they are not known.
        metrics: at the end of training, by phase, split ("val", "test") and name.
        backbone: name of the backbone.
        image_size: side of the input in pixels.
        bytes: memory that the task takes while it is resident; 0 before its first load.
        state: "resident" in memory; "registered" on disk, and loaded when it is asked for;
            "loading" during its first check; "failed".
        reason: why it failed, or why it answers no requests; None otherwise.
        metadata: the other fields of the task file's metadata.
    """

    name: str
    version: str
    classes: tuple[str, ...]
    class_counts: tuple[int, ...] | None
    metrics: Mapping[str, Any]
    backbone: str
    image_size: int
    bytes: int
    state: TaskState
    reason: str | None
    metadata: Mapping[str, Any]


@dataclass(frozen=True)
class TrainingImage:
    """A training image that is near to an image, as the classifier sees both.

    Attributes:
        index: of its class.
        similarity: cosine of the two features, in [-1, 1].
        thumbnail: a JPEG that the server has encoded.
    """

    index: int
    similarity: float
    thumbnail: bytes


@dataclass(frozen=True)
class NearestImages:
    """The training images nearest to an image.

    Attributes:
        state: "ready"; "preparing" while they are being read; "unavailable" where the task has no
            run folder, its data is gone, or the server does not offer them.
        searched: number of training images among which they are the nearest.
        images: nearest first; () unless the state is "ready".
    """

    state: NearestState
    searched: int = 0
    images: tuple[TrainingImage, ...] = ()


class ServingError(LptError):
    """A request that gets no answer. The subclass says why."""


class UnknownTask(ServingError):
    """No task has this name or version."""


class TaskUnavailable(ServingError):
    """The task is known, but cannot answer now.

    Args:
        reason: one line that names the task.

    Attributes:
        reason: as given.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = str(self)


class QueueFull(ServingError):
    """Too many requests wait already.

    Args:
        message: one line.
        retry_after: seconds after which there will be room, as estimated.

    Attributes:
        retry_after: as given.
    """

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class DeadlineExceeded(ServingError):
    """The request was not answered within its deadline."""


class Draining(ServingError):
    """The service is shutting down and takes no more requests."""


class BadImage(ServingError):
    """The image cannot be used.

    Args:
        reason: one line that names the fault.

    Attributes:
        reason: as given.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = str(self)


class TooLarge(BadImage):
    """The image has more bytes or pixels than the service accepts."""
