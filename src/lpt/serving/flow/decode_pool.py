"""Threads that load tasks, and decode and transform images, ahead of the batcher."""

import logging
import threading
import time

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float
from torch import Tensor

from lpt.data.images.decode import ImageError, decode
from lpt.serving.flow.request import Request
from lpt.serving.flow.request_queue import RequestQueue
from lpt.serving.serving_records import BadImage, ServingError, TooLarge
from lpt.serving.serving_settings import Observer, ServingSettings
from lpt.serving.store.task_store import TaskStore
from lpt.serving.store.task_versions import TaskVersion

__all__ = ["DecodePool", "model_input"]

_log = logging.getLogger("lpt.serving")


class DecodePool:
    """The threads between the two lines of a queue.

    The version that answers is chosen here, since it decides how the image is transformed.

    Args:
        queue: whose requests are decoded.
        store: leases versions of tasks.
        settings: number of threads, and the limit of pixels.
        observer: receives the time of each image.
    """

    def __init__(
        self,
        queue: RequestQueue,
        store: TaskStore,
        settings: ServingSettings,
        observer: Observer,
    ) -> None:
        self._queue, self._store = queue, store
        self._settings, self._observer = settings, observer
        self._threads = [
            threading.Thread(target=self._work, name=f"lpt-decode-{i}", daemon=True)
            for i in range(settings.decode_threads)
        ]
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        """Wait for the threads, which end once the queue is closed."""
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while (request := self._queue.next_to_decode()) is not None:
            began = time.monotonic()
            try:
                if not request.ended:
                    self._prepare(request)
            except ServingError as error:
                request.fail(error)
            except Exception:
                _log.exception("an image of %s could not be prepared", request.task)
                request.fail(ServingError("The server failed to read the image. See its log."))
            request.decode_s = time.monotonic() - began
            if not self._queue.decoded(request):
                request.release()
            self._observer.stage("decode", request.decode_s)
            del request  # before waiting for the next one

    def _prepare(self, request: Request) -> None:
        image = request.image
        if image is None:  # it has just ended
            return
        lease = self._store.hold(request.ticket)
        try:
            request.tensor = model_input(image, lease.version, self._settings.max_pixels)
        except BaseException:
            lease.release()
            raise
        request.lease, request.image = lease, None


def model_input(
    image: bytes | npt.NDArray[np.float32], version: TaskVersion, max_pixels: int | None
) -> Float[Tensor, "3 H H"]:
    """Turn an image into the input of the backbone, as `lpt predict` does.

    Args:
        image: encoded, or a float32 array (3, H, H) that is transformed already.
        version: of the task, which prescribes the transform.
        max_pixels: width * height that is accepted; None takes the limit of `lpt predict`.
    Raises: BadImage, TooLarge.
    """
    if isinstance(image, np.ndarray):
        return _checked(image, version.spec.backbone.image_size)
    transform = version.transform
    try:
        pixels = decode(image, name="image", max_pixels=max_pixels, target=transform.decode_target)
    except ImageError as error:
        kind = TooLarge if error.kind == "too-large" else BadImage
        raise kind(str(error)) from error
    return transform(pixels)


def _checked(array: npt.NDArray[np.float32], size: int) -> Tensor:
    if array.dtype != np.float32 or array.shape != (3, size, size):
        raise BadImage(
            f"image: {array.dtype} of shape {array.shape}. Give float32 of shape "
            f"(3, {size}, {size}), resized and normalised as the task prescribes."
        )
    if not np.isfinite(array).all():
        raise BadImage("image: holds values that are not finite.")
    return torch.from_numpy(np.array(array, order="C"))
