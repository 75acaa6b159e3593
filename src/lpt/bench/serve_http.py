"""The HTTP part of `lpt bench serve`: a load client against the service behind it."""

import csv
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, NamedTuple

from lpt.bench.rounds import median_ratio
from lpt.errors import LptError
from lpt.serving.service import Service

__all__ = ["CLIENT", "HttpLoad", "bench_http", "read_load", "render_http"]

CLIENT = "hey"
"""The load client, a package of Debian."""

_LONGEST = 300  # seconds of one round


class HttpLoad(NamedTuple):
    """One round of a load client: images per second, and seconds of each answer, sorted."""

    rate: float
    latencies: list[float]

    def quantile(self, share: float) -> float:
        """Return the seconds within which a share of the answers came."""
        return self.latencies[min(len(self.latencies) - 1, int(share * len(self.latencies)))]


def bench_http(
    service: Service, photo: bytes, *, clients: int, repeats: int
) -> dict[str, Any] | None:
    """Compare images over HTTP with images submitted to the same service, of its first task.

    Both have `clients` images under way at any time, so both decode and fill batches alike. The
    load client takes its share of the same processor.

    Args:
        service: with room for `clients` images; it is drained at the end.
        photo: an encoded image.
        clients: connections of the load client; each sends three images per round.
        repeats: rounds, after one warm-up round.
    Returns: `http_share`, the images per second over HTTP relative to the service (the median over
        rounds); rates and quantiles of the latency in seconds. None without the load client or
        the extra lpt[serve].
    Raises: LptError if an image was not answered.
    """
    if shutil.which(CLIENT) is None or find_spec("uvicorn") is None:
        return None
    from lpt.serving.http.background_server import BackgroundServer
    from lpt.serving.http.http_settings import HttpSettings

    task, images = service.cards()[0].name, 3 * clients  # the client sends a multiple of these
    direct, loads = [], []
    with (
        tempfile.TemporaryDirectory(prefix="lpt-bench-") as place,
        BackgroundServer(service, HttpSettings(port=0)) as server,
    ):
        body = Path(place) / "photo.jpg"
        body.write_bytes(photo)
        url = f"{server.url}/v1/tasks/{task}/predict"
        for _ in range(1 + repeats):
            direct.append(_submitted(service, task, photo, images, clients))
            loads.append(_loaded(url, body, images, clients))
    direct, loads = direct[1:], loads[1:]
    return {
        "http_share": median_ratio([load.rate for load in loads], direct),
        "http_images_per_second": median(load.rate for load in loads),
        "submitted_images_per_second": median(direct),
        "http_seconds": {
            f"p{round(100 * share)}": median(load.quantile(share) for load in loads)
            for share in (0.5, 0.99)
        },
        "http_images": images,
        "http_clients": clients,
    }


def render_http(result: Mapping[str, Any] | None) -> str:
    """Format the result of `bench_http` as a line."""
    if result is None:
        return f"HTTP was not measured: it needs the load client {CLIENT} and lpt[serve]"
    seconds = result["http_seconds"]
    return (
        f"HTTP runs at {result['http_share']:.3f} of the speed of the service, with "
        f"{result['http_clients']} clients (p50 {seconds['p50']:.2f} s, p99 {seconds['p99']:.2f} s)"
    )


def read_load(rows: Iterable[dict[str, str]], images: int) -> HttpLoad:
    """Return a round from the rows of the client's CSV.

    Args:
        rows: with response-time, status-code and offset.
        images: number of images that were sent.
    Raises: LptError if one of them was not answered with 200.

    >>> read_load([{"response-time": "0.5", "status-code": "200", "offset": "1.5"}], 1).rate
    0.5
    """
    found = list(rows)
    bad = sorted({row["status-code"] for row in found} - {"200"})
    if bad or len(found) != images:
        raise LptError(
            f"{CLIENT}: {len(found)} of {images} images answered, with status {', '.join(bad)}."
        )
    times = sorted(float(row["response-time"]) for row in found)
    end = max(float(row["offset"]) + float(row["response-time"]) for row in found)
    return HttpLoad(images / end, times)


def _submitted(service: Service, task: str, photo: bytes, images: int, clients: int) -> float:
    """Return images per second with a constant number of images under way."""
    from threading import Semaphore

    room, began = Semaphore(clients), perf_counter()
    futures = []
    for _ in range(images):
        room.acquire()
        future = service.submit(task, photo)
        future.add_done_callback(lambda _: room.release())
        futures.append(future)
    for future in futures:
        future.result()
    return images / (perf_counter() - began)


def _loaded(url: str, body: Path, images: int, clients: int) -> HttpLoad:
    words: Sequence[str] = (
        *(CLIENT, "-n", str(images), "-c", str(clients), "-m", "POST", "-t", str(_LONGEST)),
        *("-T", "image/jpeg", "-D", str(body), "-o", "csv", url),
    )
    done = subprocess.run(words, capture_output=True, text=True, timeout=_LONGEST, check=False)
    if done.returncode:
        raise LptError(f"{CLIENT}: {done.stderr.strip() or done.returncode}")
    return read_load(csv.DictReader(done.stdout.splitlines()), images)
