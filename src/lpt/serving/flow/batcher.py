"""The thread that computes batches, and the thread that ends what is too late."""

import logging
import threading
import time
from collections.abc import Sequence

import torch

from lpt.serving.engine import Engine, Query, Result
from lpt.serving.flow.request import Request
from lpt.serving.flow.request_queue import RequestQueue
from lpt.serving.serving_records import Answer, DeadlineExceeded, ServingError
from lpt.serving.serving_settings import Observer

__all__ = ["Batcher"]

_log = logging.getLogger("lpt.serving")
_FAILED = "The server failed to compute this image. See its log."


class Batcher:
    """Takes batches from a queue, computes them, and answers.

    A batch that fails, for example because a GPU has no memory left, is computed again in halves,
    so that an image fails only if it fails alone.

    Args:
        queue: where requests wait with their decoded images.
        engine: computes a batch.
        observer: receives sizes and times.
    """

    def __init__(self, queue: RequestQueue, engine: Engine, observer: Observer) -> None:
        self._queue, self._engine, self._observer = queue, engine, observer
        self._threads = [
            threading.Thread(target=self._compute, name="lpt-batcher", daemon=True),
            threading.Thread(target=self._expire, name="lpt-deadlines", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        """Wait for the threads, which end once the queue is closed."""
        for thread in self._threads:
            thread.join()

    def _compute(self) -> None:
        while (batch := self._queue.next_batch()) is not None:
            if batch:
                try:
                    self._answer(batch)
                except Exception as error:  # the thread must live, and no request be lost
                    _log.exception("a batch failed")
                    for request in batch:
                        request.fail(ServingError(_FAILED, type(error).__name__))
                finally:
                    for request in batch:
                        request.release()
            del batch

    def _expire(self) -> None:
        while (late := self._queue.overdue()) is not None:
            for request in late:
                request.fail(DeadlineExceeded(f"No answer within {request.deadline_s:g} seconds."))
            del late

    def _answer(self, batch: Sequence[Request]) -> None:
        began = time.monotonic()
        results = self._results(batch)
        seconds = time.monotonic() - began
        self._queue.computed(len(batch), seconds)
        self._observer.batch(len(batch), len({request.task for request in batch}), seconds)
        for request, result in zip(batch, results, strict=True):
            if result is None or request.lease is None:
                request.fail(ServingError(_FAILED))
                continue
            wait = max(0.0, began - request.accepted - request.decode_s)
            self._observer.stage("wait", wait)
            self._observer.stage("compute", seconds)
            version = request.lease.version
            answer = Answer(
                task=request.task,
                version=version.name,
                probabilities=result.probabilities.clone(),  # not a view of the whole batch
                labels=version.spec.class_names,
                matched=result.matched,
                threshold=version.threshold,
                embedding=result.feature.clone() if request.embedding else None,
                timings={"decode": request.decode_s, "wait": wait, "compute": seconds},
                class_counts=version.spec.class_counts,
                source_prior=version.source_prior,
            )
            request.answer(answer)

    def _results(self, batch: Sequence[Request]) -> list[Result | None]:
        """Compute a batch; None for an image that cannot be computed."""
        queries = [
            Query(request.lease.tables, request.tensor)
            for request in batch
            if request.lease is not None and request.tensor is not None
        ]
        try:
            results = self._engine.run(queries)
        except Exception as error:
            if len(batch) == 1:
                _log.exception("an image of %s failed", batch[0].task)
                return [None]
            _log.warning("a batch of %d images failed (%s)", len(batch), error)
            del queries
            if self._engine.device.type == "cuda":
                torch.cuda.empty_cache()
            half = len(batch) // 2
            return self._results(batch[:half]) + self._results(batch[half:])
        return [r if torch.isfinite(r.probabilities).all() else None for r in results]
