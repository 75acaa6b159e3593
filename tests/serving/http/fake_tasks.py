"""A service without a model: the content of an image decides its class, or what goes wrong."""

import io
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch
from PIL import Image

from lpt.serving.serving_records import (
    Answer,
    BadImage,
    DeadlineExceeded,
    Draining,
    NearestImages,
    QueueFull,
    TaskCard,
    TaskUnavailable,
    TooLarge,
    TrainingImage,
    UnknownTask,
)

SIZE = 4
CLASSES = ("ant", "bee", "<script>alert(1)</script>", "dog")
VERSION = "0123456789ab"


def card(name: str = "insects", **changes) -> TaskCard:
    facts = {
        "name": name,
        "version": f"{name}@{VERSION}",
        "classes": CLASSES,
        "class_counts": (300, 40, 6, 1),
        "metrics": {"phase2": {"test": {"overall": 0.91, "many": 0.97, "medium": 0.9, "few": 0.8}}},
        "backbone": "tiny",
        "image_size": SIZE,
        "bytes": 1000,
        "state": "resident",
        "reason": None,
        "metadata": {"many_above": 100, "few_below": 20, "phases": 2},
    }
    return TaskCard(**{**facts, **changes})


def small_photo() -> bytes:
    stream = io.BytesIO()
    Image.linear_gradient("L").resize((96, 64)).convert("RGB").save(stream, "JPEG")
    return stream.getvalue()


class FakeTasks:
    """Tasks "insects" (threshold 0.5) and "plain" (phase 1, none), "broken" fails its check.

    An image is b"image:" and the number of its class; b"slow:" waits for `gate`.
    """

    def __init__(self, room: int = 1000) -> None:
        self.room, self.waiting, self.most_waiting = room, 0, 0
        self.gate, self.lock = threading.Event(), threading.Lock()
        self.pool = ThreadPoolExecutor(16)
        self.draining, self.is_ready = False, True
        self.calls: list[tuple[str, ...]] = []
        self.seen: list[tuple[str, int, float | None]] = []
        self.cancelled = self.asked_nearest = self.preparing = 0
        self.known = {
            "insects": card(),
            "plain": card("plain", class_counts=None, metrics={}, metadata={"phases": 1}),
            "broken": card("broken", state="failed", reason="broken: another backbone."),
        }

    def submit(self, task, image, *, embedding=False, deadline_s=None) -> "Future[Answer]":
        if self.draining:
            raise Draining("The server is shutting down.")
        found = self.card(task)
        if found.state == "failed":
            raise TaskUnavailable(found.reason)
        with self.lock:
            if self.waiting >= self.room:
                raise QueueFull(f"{self.waiting} images wait already.", 2.5)
            self.waiting += 1
            self.most_waiting = max(self.most_waiting, self.waiting)
        self.seen.append((task, len(image), deadline_s))
        future = self.pool.submit(self._answer, found, image, embedding, deadline_s)
        future.add_done_callback(self._done)
        return future

    def _done(self, future) -> None:
        with self.lock:
            self.waiting -= 1
            self.cancelled += future.cancelled()

    def _answer(self, found, image, embedding, deadline_s) -> Answer:
        if isinstance(image, np.ndarray):
            index = int(image.mean())
        elif image.startswith(b"slow:"):
            if not self.gate.wait(min(deadline_s or 10, 10)):
                raise DeadlineExceeded("Not answered within the deadline.")
            index = 0
        elif image.startswith(b"image:"):
            index = int(image[6:7])
        elif image.startswith(b"\x89PNG"):  # a photo of the page
            index = 3
        elif image.startswith(b"huge"):
            raise TooLarge("More pixels than are accepted.")
        elif image.startswith(b"bug"):
            raise RuntimeError("/secret/path")
        else:
            raise BadImage("Not an image.")
        probabilities = torch.full((4,), 0.1)
        probabilities[index] = 0.7
        two_phases = found.metadata["phases"] == 2
        return Answer(
            found.name,
            found.version,
            probabilities,
            found.classes,
            (1, 3) if two_phases else (),
            0.5 if two_phases else None,
            torch.arange(3.0) if embedding else None,
            {"decode": 0.001, "wait": 0.002, "compute": 0.003},
            found.class_counts,
        )

    def cards(self):
        return list(self.known.values())

    def card(self, task):
        name, at, version = task.partition("@")
        if name not in self.known or (at and version != VERSION):
            raise UnknownTask(f"{task}: no such task.")
        return self.known[name]

    def nearest(self, answer, number):
        self.asked_nearest += 1
        if answer.task != "insects":
            return NearestImages("unavailable")
        if self.preparing >= self.asked_nearest:
            return NearestImages("preparing")
        images = [TrainingImage(i, 0.9 - 0.2 * i, small_photo()) for i in (3, 0, 2)]
        return NearestImages("ready", 350, tuple(images[:number]))

    def load(self, name):
        self.card(name)
        self.calls.append(("load", name))

    def unload(self, name):
        self.card(name)
        self.calls.append(("unload", name))

    def index(self):
        self.calls.append(("index",))
        return True

    def ready(self):
        return self.is_ready and not self.draining

    def drain(self, grace_s):
        self.draining = True
        ends = time.monotonic() + grace_s
        while self.waiting and time.monotonic() < ends:
            time.sleep(0.01)
        return not self.waiting

    def close(self):
        self.gate.set()
        self.pool.shutdown()
