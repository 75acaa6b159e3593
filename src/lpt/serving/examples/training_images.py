"""The training images nearest to an image, read in the background for tasks that have a run."""

import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from pathlib import Path

from lpt.data.manifest import Split
from lpt.errors import DataError, LptError
from lpt.serving.examples.image_bank import BankedImage, ImageBank
from lpt.serving.serving_records import (
    Answer,
    BadImage,
    NearestImages,
    NearestState,
    QueueFull,
)
from lpt.serving.store.byte_budget import ByteBudget
from lpt.task_spec import TaskSpec

__all__ = ["TrainingImages"]

MOST_BYTES = 2**26
"""Of the features and thumbnails of all versions; those used least recently leave first."""

_UNDER_WAY = 4  # images that wait in the queue of the service at a time
_LAST_S = 5.0  # for the image that is being read when the service closes
_PAUSE_S = 0.2  # until a full queue is tried again
_MOST_FAILED = 10_000  # versions that are remembered as unavailable

_log = logging.getLogger("lpt.serving")
FileOf = Callable[[str], tuple[Path, TaskSpec] | None]
Submit = Callable[..., "Future[Answer]"]


class TrainingImages:
    """Banks of training images by version, each built when it is first asked for.

    A bank is built by one thread, from images that go through the queue of the service like those
    of any client, a few at a time. So requests are served meanwhile, and the features are those of
    this very version. Paths come from the run folder that the operator gave, never from a request,
    and none leaves: an answer has thumbnails that are encoded here.

    Args:
        file_of: task file and metadata of a current version, by its full name.
        submit: `lpt.serving.service.Service.submit`.
        most: training images per task; 0 offers none.
    """

    def __init__(self, file_of: FileOf, submit: Submit, most: int) -> None:
        self._file_of, self._submit, self._most = file_of, submit, most
        self._lock = threading.Lock()
        self._banks: dict[str, ImageBank] = {}
        self._budget: ByteBudget[str] = ByteBudget(MOST_BYTES)
        self._wanted: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._preparing: set[str] = set()
        self._failed: dict[str, None] = {}
        self._thread: threading.Thread | None = None
        self._closed = False

    def nearest(self, answer: Answer, number: int) -> NearestImages:
        """Return the training images nearest to an answer's embedding, or why there are none."""
        version = answer.version
        with self._lock:
            bank = self._banks.get(version)
            if bank is None:
                return NearestImages(self._prepare(version))
            self._budget.touch(version)
        if answer.embedding is None:
            return NearestImages("unavailable")
        return bank.nearest(answer.embedding, number)

    def close(self) -> None:
        """End the thread. One that is still opening large data ends later, without effect."""
        with self._lock:
            self._closed = True
        if self._thread is not None:
            self._wanted.put(None)
            self._thread.join(_LAST_S)

    def _prepare(self, version: str) -> NearestState:
        """Ask for a bank, and return the state that an answer states; the lock is held."""
        if not self._most or self._closed or version in self._failed:
            return "unavailable"
        if version not in self._preparing:
            self._preparing.add(version)
            self._wanted.put(version)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._work, name="lpt-training-images", daemon=True
                )
                self._thread.start()
        return "preparing"

    def _work(self) -> None:
        while (version := self._wanted.get()) is not None and not self._closed:
            bank = None
            try:
                bank = self._build(version)
            except LptError as error:  # its text may have paths: the log is the operator's
                _log.info("no training images of %s: %s", version, error)
            except Exception:
                _log.exception("no training images of %s", version)
            with self._lock:
                self._preparing.discard(version)
                if bank is None:
                    self._failed[version] = None
                    if len(self._failed) > _MOST_FAILED:
                        del self._failed[next(iter(self._failed))]
                else:
                    self._banks[version] = bank
                    self._budget.add(version, bank.nbytes)
                    for old in self._budget.overdue(lambda one: one == version):
                        del self._banks[old]

    def _build(self, version: str) -> ImageBank | None:
        found = self._file_of(version)
        if found is None or found[0].name != "task.safetensors":  # no run folder
            return None
        path, spec = found
        split = _training_split(path, spec, self._most)
        if split is None:
            return None
        images: list[BankedImage] = []
        under_way: deque[tuple[int, bytes, Future[Answer]]] = deque()
        for index in range(len(split)):
            if self._closed:
                break
            try:
                data = split.read(index)
                under_way.append((index, data, self._sent(version, data)))
            except (DataError, BadImage, CancelledError):  # one image less
                continue
            if len(under_way) == _UNDER_WAY:
                images += _finished(split, *under_way.popleft())
        for one in under_way:
            images += _finished(split, *one)
        return ImageBank(images) if images and not self._closed else None

    def _sent(self, version: str, data: bytes) -> "Future[Answer]":
        while not self._closed:
            try:
                return self._submit(version, data, embedding=True)
            except QueueFull:  # clients come first
                time.sleep(_PAUSE_S)
        raise CancelledError


def _training_split(path: Path, spec: TaskSpec, most: int) -> Split | None:
    """Open the training images of a run, as `lpt analyze` does: only data that may be followed."""
    from lpt.analysis.analysis_data import sample_bank  # not before it is asked for
    from lpt.training.run.run_data import data_of_run

    data = data_of_run(path, spec.class_names)
    return None if data is None else sample_bank(data.split("train"), most)[0]


def _finished(split: Split, index: int, data: bytes, future: "Future[Answer]") -> list[BankedImage]:
    """Return the image once it is answered; nothing if it cannot be used."""
    from lpt.analysis.thumbnails import thumbnail

    try:
        embedding = future.result().embedding
        small = thumbnail(data, split, index)
    except (LptError, CancelledError):
        return []
    assert embedding is not None  # it was asked for
    return [BankedImage(int(split.labels[index]), embedding, small)]
