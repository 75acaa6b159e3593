"""Serving more tasks than fit into memory."""

import io
import random
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
from PIL import Image

from lpt.backbones import FrozenViT
from lpt.bench.serve_memory import linked
from lpt.serving.service import NullObserver, Service, ServingSettings

__all__ = ["NO_DEADLINE", "bench_photo", "serve_paged"]

NO_DEADLINE = 3600.0
"""Seconds; speed is measured, also on a machine that is busy."""


def serve_paged(
    frozen: FrozenViT, folder: Path, registered: int, resident: int, size: int
) -> dict[str, Any]:
    """Serve more tasks than fit into memory, each request for a random one of them.

    Args:
        frozen: the backbone.
        folder: holds task files.
        registered: number of tasks that the server knows.
        resident: number of tasks that fit into its memory.
        size: bytes of the tables of a task.
    Returns: numbers by name, under "paging".
    """
    watch, images, photo = _Watch(), 3 * resident, bench_photo(0)
    settings = ServingSettings(
        memory_bytes=resident * size,
        max_queue=images + 1,
        max_per_task=images,
        deadline_s=NO_DEADLINE,
    )
    with (
        linked(folder, registered) as links,
        Service(folder=links, backbone=frozen, settings=settings, observer=watch) as service,
    ):
        began = perf_counter()
        service.index()
        checking = perf_counter() - began
        names = [card.name for card in service.cards()]
        held = [card.name for card in service.cards() if card.state == "resident"]
        chance = random.Random(0)

        def serve(some: Sequence[str]) -> float:
            began = perf_counter()
            for future in [service.submit(chance.choice(some), photo) for _ in range(images)]:
                future.result()
            return images / (perf_counter() - began)

        serve(held)  # the first batch is slower
        among_held = serve(held)
        watch.loads, watch.evictions = [], 0
        among_all = serve(names)
    return {
        "paging": {
            "registered": len(names),
            "resident": len(held),
            "most_resident": watch.most_resident,
            "most_bytes": watch.most_bytes,
            "budget_bytes": settings.memory_bytes,
            "images_per_second": among_all,
            "resident_images_per_second": among_held,
            "misses": len(watch.loads) / images,
            "evictions": watch.evictions,
            "load_seconds": median(watch.loads) if watch.loads else 0.0,
            "check_seconds": checking / len(names),
        }
    }


class _Watch(NullObserver):
    """Notes loads, evictions and the largest memory."""

    def __init__(self) -> None:
        self.loads: list[float] = []
        self.evictions = self.most_resident = self.most_bytes = 0

    def stage(self, name: str, seconds: float) -> None:
        if name == "load":
            self.loads.append(seconds)

    def tasks(self, resident: int, bytes: int) -> None:
        self.most_resident = max(self.most_resident, resident)
        self.most_bytes = max(self.most_bytes, bytes)

    def evicted(self, task: str) -> None:
        del task
        self.evictions += 1


def bench_photo(seed: int) -> bytes:
    """Return a JPEG of 320 x 240 pixels with something at every scale."""
    noise = np.random.default_rng(seed)
    sums = sum(
        np.kron(noise.normal(0, 20, (240 // s, 320 // s, 3)), np.ones((s, s, 1)))
        for s in (1, 4, 16, 80)
    )
    pixels = np.clip(128 + sums, 0, 255).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=90)
    return stream.getvalue()
