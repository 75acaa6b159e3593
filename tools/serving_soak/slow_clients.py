"""Clients that send a byte per second beside clients that do not."""

import asyncio
import csv
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from PIL import Image
from tools.serving_soak.made_tasks import CLASSES, SHAPE

from lpt.backbones import FrozenViT
from lpt.bench.random_tasks import random_spec, write_random_task
from lpt.bench.serve_http import CLIENT, HttpLoad, read_load

IMAGES = 400  # per round
CLIENTS = 4
PAUSE_S = 1.0
SETTLE_S = 3.0
"""500 connections that open at once are a burst of 500 requests, which is another question."""


class SlowClients:
    """Connections that announce a body and send a byte of it per second; a context manager.

    A connection that the server closes is opened again, so their number stays.
    """

    def __init__(self, url: str, number: int) -> None:
        parts = urlsplit(url)
        self._host, self._port, self._path = parts.hostname, parts.port, parts.path
        self._number, self.open, self.reopened = number, 0, 0
        self._all_open = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    def __enter__(self) -> "SlowClients":
        self._thread.start()
        if not self._all_open.wait(60):
            raise RuntimeError(f"{self.open} of {self._number} slow clients are connected")
        return self

    def __exit__(self, *error: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    async def _run(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        jobs = [asyncio.create_task(self._client(i)) for i in range(self._number)]
        await self._stop.wait()
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)

    async def _client(self, number: int) -> None:
        head = f"POST {self._path} HTTP/1.1\r\nHost: {self._host}\r\nContent-Length: 9999\r\n\r\n"
        while True:
            try:
                _, writer = await asyncio.open_connection(self._host, self._port)
            except OSError:
                await asyncio.sleep(PAUSE_S)
                continue
            self.open += 1
            if self.open == self._number:
                self._all_open.set()
            try:
                writer.write(head.encode())
                await asyncio.sleep(PAUSE_S * number / self._number)  # not all at the same moment
                while not writer.is_closing():
                    writer.write(b"x")
                    await writer.drain()
                    await asyncio.sleep(PAUSE_S)
            except OSError:
                pass
            finally:
                self.open -= 1
                self.reopened += 1
                writer.close()


@contextmanager
def served(task: Path, backbone: str) -> Iterator[str]:
    """Run `lpt serve` in a process of its own, and return its URL."""
    words = (sys.executable, "-m", "lpt", "serve", str(task), "--port", "0", "--device", "cpu")
    with subprocess.Popen(
        [*words, "--backbone", backbone], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        text=True,
    ) as server:  # fmt: skip
        try:
            assert server.stdout is not None
            line = next(line for line in server.stdout if line.startswith("serving"))
            yield line.split()[-1]
        finally:
            server.terminate()


def load(url: str, photo: Path, images: int) -> HttpLoad:
    """Send images with the load client, and return the seconds of each."""
    words = (
        *(CLIENT, "-n", str(images), "-c", str(CLIENTS), "-m", "POST", "-t", "60"),
        *("-T", "image/png", "-D", str(photo), "-o", "csv", url),
    )
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return read_load(csv.DictReader(done.stdout.splitlines()), images)


def soak_slow(
    place: Path, backbone: FrozenViT, number: int, rounds: int, images: int = IMAGES
) -> dict[str, Any]:
    """Measure the latency of some clients with and without slow ones beside them, in turn."""
    spec = random_spec(backbone, "task", CLASSES, SHAPE)
    task = write_random_task(place / "photos.safetensors", backbone, spec, seed=0)
    photo = place / "photo.png"
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(photo)
    quiet: list[HttpLoad] = []
    crowded: list[HttpLoad] = []
    held: list[int] = []
    reopened = 0
    with served(task, backbone.spec.name) as url:
        url = f"{url}/v1/tasks/{task.stem}/predict"
        load(url, photo, images)
        for _ in range(rounds):
            quiet.append(load(url, photo, images))
            with SlowClients(url, number) as slow:
                time.sleep(SETTLE_S)
                crowded.append(load(url, photo, images))
                held.append(slow.open)
                reopened += slow.reopened
    with_, without = (_pooled(loads) for loads in (crowded, quiet))
    return {
        "slow_clients": number,
        "held": min(held),
        "reopened": reopened,
        "rounds": rounds,
        "images": images * rounds,
        "p50": [without.quantile(0.5), with_.quantile(0.5)],
        "p99": [without.quantile(0.99), with_.quantile(0.99)],
        "p99_ratio": with_.quantile(0.99) / without.quantile(0.99),
        "p99_ratio_of_rounds": median(
            one.quantile(0.99) / other.quantile(0.99)
            for one, other in zip(crowded, quiet, strict=True)
        ),
        "rate_ratio": with_.rate / without.rate,
    }


def _pooled(loads: list[HttpLoad]) -> HttpLoad:
    rate = sum(load.rate for load in loads) / len(loads)
    return HttpLoad(rate, sorted(s for load in loads for s in load.latencies))
