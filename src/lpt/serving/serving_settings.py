"""Limits of a service, and who is notified of its work."""

from dataclasses import dataclass
from typing import Protocol, get_args

from lpt.arguments import at_least, fraction
from lpt.backbones.compact.weight_type import WeightType, check_weight_type
from lpt.errors import ParameterError
from lpt.escape import described
from lpt.task_records import MatchMode

__all__ = ["NullObserver", "Observer", "ServingSettings"]

_LONGEST_S = 86_400.0


@dataclass(frozen=True)
class ServingSettings:
    """Limits of a service. Every one is bounded by default.

    Attributes:
        max_batch: images of one forward pass.
        max_wait_ms: milliseconds that the first image of a batch waits for others.
        max_queue: requests that may wait, those that are being decoded included.
        max_per_task: requests of one task that may wait; None lets one task take about four fifths
            of the queue, and less the fuller it is.
        max_queue_bytes: bytes of all encoded images that wait.
        deadline_s: seconds after which a request without a deadline of its own has failed.
        decode_threads: threads that decode images and load tasks.
        device_bytes: tables of tasks on a GPU.
        memory_bytes: tables of tasks in main memory.
        watch_s: seconds between two looks at the folder of tasks; None never looks again.
        max_pixels: width * height of an image; None takes the limit of `lpt predict`.
        max_bytes: of one encoded image.
        accuracy: a task is not sure below the probability from which on this share of predictions
            is correct, as `lpt analyze` has measured it.
        training_images: images of a run among which `Service.nearest` searches; 0 offers none. Who
            may ask then sees thumbnails of training images.
        match: how group prompts are matched; None for each task's own. Tasks without the map of
            early matching match exactly.
        backbone_weights: number type in which the backbone keeps its weights: "float32", "bf16" or
            "int8".
    Raises: ParameterError for a setting that is out of range.
    """

    max_batch: int = 32
    max_wait_ms: float = 2.0
    max_queue: int = 256
    max_per_task: int | None = None
    max_queue_bytes: int = 2**28
    deadline_s: float = 30.0
    decode_threads: int = 2
    device_bytes: int = 2**30
    memory_bytes: int = 2**30
    watch_s: float | None = None
    max_pixels: int | None = None
    max_bytes: int = 2**25
    accuracy: float = 0.9
    training_images: int = 0
    match: MatchMode | None = None
    backbone_weights: WeightType = "float32"

    def __post_init__(self) -> None:
        whole = ("max_batch", "max_queue", "max_queue_bytes", "decode_threads", "device_bytes")
        for name in (*whole, "memory_bytes", "max_bytes"):
            at_least(name, getattr(self, name), 1)
        at_least("training_images", self.training_images, 0)
        for name in ("max_per_task", "max_pixels"):
            if getattr(self, name) is not None:
                at_least(name, getattr(self, name), 1)
        fraction("accuracy", self.accuracy)
        if self.match not in (None, *get_args(MatchMode)):
            raise ParameterError(f"`match` {self.match}: give {', '.join(get_args(MatchMode))}.")
        check_weight_type("backbone_weights", self.backbone_weights)
        for name in ("max_wait_ms", "deadline_s", "watch_s"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= _LONGEST_S:
                raise ParameterError(f"`{name}` {described(value)}: give 0 to {_LONGEST_S:g}.")


class Observer(Protocol):
    """Receives measurements. Methods must be cheap; several threads call them."""

    def request(self, task: str, outcome: str, seconds: float) -> None:
        """One request has ended.

        Args:
            task: its name; "" if no such task is known.
            outcome: "ok", "bad_image", "too_large", "deadline", "cancelled", "queue_full",
                "draining", "unknown", "unavailable" or "error".
            seconds: since it was accepted.
        """

    def queue(self, length: int) -> None:
        """The number of requests that wait has changed."""

    def batch(self, size: int, tasks: int, seconds: float) -> None:
        """One batch of images of a number of tasks was computed."""

    def stage(self, name: str, seconds: float) -> None:
        """One image has spent time in "decode", "wait" or "compute"; or a task in "load"."""

    def tasks(self, resident: int, bytes: int) -> None:
        """The tasks in memory have changed."""

    def evicted(self, task: str) -> None:
        """A task was dropped from memory to make room."""


class NullObserver:
    """Measures nothing."""

    def request(self, task: str, outcome: str, seconds: float) -> None:
        """Ignore it."""

    def queue(self, length: int) -> None:
        """Ignore it."""

    def batch(self, size: int, tasks: int, seconds: float) -> None:
        """Ignore it."""

    def stage(self, name: str, seconds: float) -> None:
        """Ignore it."""

    def tasks(self, resident: int, bytes: int) -> None:
        """Ignore it."""

    def evicted(self, task: str) -> None:
        """Ignore it."""
