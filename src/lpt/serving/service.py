"""The door of the server: requests in, answers out."""

from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from lpt.arguments import path_text
from lpt.backbones import FrozenViT, load_backbone
from lpt.errors import ConfigError, LptError
from lpt.files.regular_files import size_text
from lpt.machine.devices import choose_device
from lpt.serving.backbone_views import BackboneViews
from lpt.serving.engine import Engine
from lpt.serving.examples.training_images import TrainingImages
from lpt.serving.flow.batcher import Batcher
from lpt.serving.flow.decode_pool import DecodePool
from lpt.serving.flow.request import Request
from lpt.serving.flow.request_queue import RequestQueue
from lpt.serving.guarded_observer import guarded
from lpt.serving.serving_records import (
    Answer,
    Draining,
    NearestImages,
    QueueFull,
    ServingError,
    TaskCard,
    TaskUnavailable,
    TooLarge,
    UnknownTask,
)
from lpt.serving.serving_settings import NullObserver, Observer, ServingSettings
from lpt.serving.store.keeper import Keeper
from lpt.serving.store.task_files import TaskFiles
from lpt.serving.store.task_store import TaskStore
from lpt.serving.store.task_versions import Lease
from lpt.task_file import backbone_of

__all__ = ["NullObserver", "Observer", "Service", "ServingSettings"]


class Service:
    """Many tasks on one backbone, behind one door. A context manager.

    Several threads may use one service. It never opens what a request names: tasks come from the
    list and the folder given here.

    Args:
        tasks: run folders or task files, each as PATH or NAME=PATH.
        folder: holds more of them, `NAME.safetensors` or run folders `NAME`; may change.
        backbone: loaded, or the name of one; None loads the one that the first task names, if
            that neither fetches nor opens anything (`lpt.backbones.named_by_file`).
        device: "auto" for a CUDA GPU if there is one, or as `lpt.load` takes it.
        settings: limits; None for the defaults.
        observer: receives measurements.
    Raises: LptError if there is no task, or if one that was given by name cannot be served.

    >>> with Service(["digits=runs/digits"], device="cpu") as service:
    ...     answer = service.submit("digits", Path("7.png").read_bytes()).result()
    >>> answer.labels[answer.probabilities.argmax()]
    '7'
    """

    def __init__(
        self,
        tasks: Sequence[str | Path] = (),
        *,
        folder: Path | None = None,
        backbone: FrozenViT | str | None = None,
        device: str | torch.device | None = "auto",
        settings: ServingSettings | None = None,
        observer: Observer | None = None,
    ) -> None:
        self.settings = settings or ServingSettings()
        self._observer = guarded(observer or NullObserver())
        chosen = choose_device(None if device == "auto" else device)
        for given in tasks:
            path_text("tasks", given)
        files = TaskFiles(tasks, folder)
        views = BackboneViews(_backbone(files, backbone), self.settings.backbone_weights)
        views.backbone.to(chosen)
        engine = Engine(views)
        self._store = TaskStore(files, engine, self.settings, self._observer)
        self._store.check_headers()
        self._queue = RequestQueue(self.settings, self._observer)
        self._draining = False
        self._keeper = Keeper(self._store, self.settings.watch_s)
        self._decoders = DecodePool(self._queue, self._store, self.settings, self._observer)
        self._batcher = Batcher(self._queue, engine, self._observer)
        self._examples = TrainingImages(
            self._store.file_of, self.submit, self.settings.training_images
        )

    def __enter__(self) -> "Service":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def submit(
        self,
        task: str,
        image: bytes | npt.NDArray[np.float32],
        *,
        embedding: bool = False,
        deadline_s: float | None = None,
    ) -> "Future[Answer]":
        """Ask a task for a prediction. It returns at once.

        Args:
            task: "name" for its newest version, or "name@version".
            image: an encoded image; or a float32 array (3, H, H), transformed as the task
                prescribes.
            embedding: whether the answer holds the feature.
            deadline_s: seconds after which the request fails; None takes that of the settings.
        Returns: the future of the answer. It raises BadImage, TooLarge, DeadlineExceeded,
            TaskUnavailable or, for a fault of the server, ServingError. `cancel` succeeds until the
            batch of the image starts; the image is then never computed.
        Raises: UnknownTask, QueueFull, Draining, TooLarge.
        """
        try:
            return self._submit(task, image, embedding, deadline_s)
        except TaskUnavailable as error:
            self._observer.request(task, "unavailable", 0.0)
            failed: Future[Answer] = Future()
            failed.set_exception(error)
            return failed
        except UnknownTask:
            self._observer.request("", "unknown", 0.0)
            raise
        except (QueueFull, Draining, TooLarge) as error:
            outcomes = {QueueFull: "queue_full", Draining: "draining", TooLarge: "too_large"}
            self._observer.request(task.partition("@")[0], outcomes[type(error)], 0.0)
            raise

    def nearest(self, answer: Answer, number: int) -> NearestImages:
        """Find the training images nearest to an image.

        The first call for a version starts to read them in the background.

        Args:
            answer: to the image, with its embedding.
            number: of training images, or fewer if there are fewer.
        """
        return self._examples.nearest(answer, number)

    def cards(self) -> list[TaskCard]:
        """Describe all tasks, by name."""
        return self._store.cards()

    def card(self, task: str) -> TaskCard:
        """Describe the task "name", or "name@version". Raises: UnknownTask."""
        return self._store.card(task)

    def load(self, name: str) -> None:
        """Load a task, and read its file again if it has changed.

        Raises: UnknownTask; TaskUnavailable if it cannot be served.
        """
        self._store.load(name)

    def unload(self, name: str) -> None:
        """Let a task finish what it has accepted, and take no more until `load`.

        Raises: UnknownTask.
        """
        self._store.unload(name)

    def pin(self, task: str) -> Lease:
        """Keep a version in memory, and answer its full name, until the lease is released.

        Args:
            task: "name" for its newest version, or "name@version".
        Returns: a context manager; `version.name` says which version it is.
        Raises: UnknownTask, TaskUnavailable.
        """
        ticket = self._store.accept(task)
        try:
            return self._store.hold(ticket)
        finally:
            self._store.ended(ticket)

    def index(self, timeout_s: float | None = None) -> bool:
        """Look at the list and the folder now, and wait until what is new was checked.

        Returns: False if that takes longer than `timeout_s`.
        """
        return self._keeper.scan(timeout_s)

    def ready(self) -> bool:
        """Whether the tasks that were there at the start were checked, and requests are taken."""
        return self._keeper.ready and not self._draining

    def drain(self, grace_s: float) -> bool:
        """Take no more requests, and wait until those that were accepted have ended.

        Returns: False if some had not after `grace_s` seconds; they fail with Draining.
        """
        self._draining = True
        done = self._queue.drain(grace_s)
        if not done:
            for request in self._queue.unfinished():
                request.fail(Draining("The server is shutting down. Ask another one."))
        return done

    def close(self) -> None:
        """End every thread, and fail the requests that have not ended. Closing twice is allowed."""
        self._draining = True
        self._examples.close()
        self._keeper.close()
        for request in self._queue.close():
            request.fail(Draining("The server is shutting down. Ask another one."))
        self._decoders.join()
        self._batcher.join()
        self._store.close()

    def _submit(
        self,
        task: str,
        image: bytes | npt.NDArray[np.float32],
        embedding: bool,
        deadline_s: float | None,
    ) -> "Future[Answer]":
        settings = self.settings
        size = len(image) if isinstance(image, bytes) else image.nbytes
        if size > settings.max_bytes:
            raise TooLarge(
                f"image: {size_text(size)}, more than the {size_text(settings.max_bytes)} that "
                "this server accepts. Shrink it."
            )
        ticket = self._store.accept(task)
        seconds = settings.deadline_s if deadline_s is None else deadline_s
        request = Request(ticket, image, embedding=embedding, deadline_s=seconds)
        try:
            self._queue.add(request)
        except ServingError:
            self._store.ended(ticket)
            raise
        request.on_end(self._ended)
        return request.future

    def _ended(self, request: Request, outcome: str) -> None:
        self._queue.ended(request)
        self._store.ended(request.ticket)
        self._observer.request(request.task, outcome, request.age())


def _backbone(files: TaskFiles, given: FrozenViT | str | None) -> FrozenViT:
    if isinstance(given, FrozenViT):
        return given
    if given is not None:
        return load_backbone(given)
    errors: list[LptError] = []
    for file in (files.given or files.scan()).values():
        try:
            return backbone_of(file)
        except LptError as error:  # a folder may hold what is no task
            errors.append(error)
    if errors:
        raise errors[0]
    raise ConfigError("There is no task to serve, and no backbone. Give a run or a task file.")
