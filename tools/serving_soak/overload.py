"""Many times as many requests as a service can compute."""

import gc
import queue
import time
from collections import Counter
from pathlib import Path
from typing import Any

from tools.serving_soak.made_tasks import Tasks, Watch

from lpt.backbones import FrozenViT
from lpt.machine.collector import settle_collector
from lpt.machine.free_memory import resident_memory
from lpt.serving.service import Service, ServingSettings
from lpt.serving.serving_records import QueueFull


class LongestCollection:
    """Notes the longest garbage collection, during which every request waits."""

    def __init__(self) -> None:
        self.seconds = self._began = 0.0

    def __call__(self, phase: str, info: dict[str, int]) -> None:
        del info
        if phase == "start":
            self._began = time.perf_counter()
        else:
            self.seconds = max(self.seconds, time.perf_counter() - self._began)


def soak_overload(place: Path, backbone: FrozenViT, seconds: float, times: float) -> dict[str, Any]:
    """Send `times` as many requests as can be computed."""
    made, watch = Tasks(place, backbone, tasks=8, versions=1), Watch()
    settings = ServingSettings(max_queue=64, deadline_s=5.0)
    ended: queue.SimpleQueue[tuple[int, str, float]] = queue.SimpleQueue()
    refusals: list[float] = []
    collections = LongestCollection()
    memory: list[int] = []
    with Service(
        folder=made.folder, backbone=backbone, settings=settings, observer=watch
    ) as service:
        service.index()
        settle_collector()
        gc.callbacks.append(collections)
        image = made.expected.images[0]
        capacity, began = 0.0, time.perf_counter()
        while time.perf_counter() - began < min(2.0, seconds):  # the best of several bursts
            burst = time.perf_counter()
            for future in [
                service.submit(made.names[i % 8], image, deadline_s=600) for i in range(48)
            ]:
                future.result(600)
            capacity = max(capacity, 48 / (time.perf_counter() - burst))
        interval, accepted, offered = 1 / (times * capacity), 0, 0
        began = time.perf_counter()
        while (now := time.perf_counter()) - began < seconds:
            due = int((now - began) / interval) - offered
            for _ in range(min(due, 1000)):
                sent = time.monotonic()
                name = made.names[0 if offered % 2 else offered % 8]  # one task sends half of all
                try:
                    future = service.submit(name, image)
                except QueueFull:
                    refusals.append(time.monotonic() - sent)
                else:
                    number, accepted = accepted, accepted + 1
                    future.add_done_callback(
                        lambda f, n=number, s=sent: ended.put((n, kind(f), time.monotonic() - s))
                    )
                offered += 1
            if len(memory) < (now - began) / 0.2:
                memory.append(resident_memory() or 0)
            time.sleep(0.002)
        drained = service.drain(settings.deadline_s + 10)
        gc.callbacks.remove(collections)
    ends = [ended.get_nowait() for _ in range(ended.qsize())]
    numbers = Counter(number for number, _, _ in ends)
    late = [s for _, outcome, s in ends if s > settings.deadline_s + 0.5]
    return {
        "seconds": seconds,
        "capacity": capacity,
        "offered": offered,
        "accepted": accepted,
        "refused": len(refusals),
        "outcomes": dict(Counter(outcome for _, outcome, _ in ends)),
        "lost": accepted - len(numbers),
        "answered_twice": sum(n > 1 for n in numbers.values()),
        "longest_queue": watch.longest,
        "max_queue": settings.max_queue,
        "slowest_refusal": max(refusals, default=0.0),
        "refusals_over_50_ms": sum(s > 0.05 for s in refusals),
        "longest_collection": collections.seconds,
        "refusal_p99": percentile(refusals, 0.99),
        "slowest_answer": max((s for _, _, s in ends), default=0.0),
        "late": len(late),
        "deadline": settings.deadline_s,
        "drained": drained,
        "memory": [memory[len(memory) // 4], memory[-1]] if memory else [],
    }


def percentile(values: list[float], share: float) -> float:
    """Return the value below which a share of all lies."""
    return sorted(values)[int(share * (len(values) - 1))] if values else 0.0


def kind(future: Any) -> str:
    """Return how a request has ended."""
    error = future.exception()
    return "ok" if error is None else type(error).__name__
