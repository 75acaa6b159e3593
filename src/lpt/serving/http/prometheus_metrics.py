"""Measures of a server for Prometheus. docs/serving.md explains each."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from lpt.serving.http.guards.request_gate import HandledRequest

__all__ = ["CONTENT_TYPE", "ServerMetrics"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_IMAGES = (1, 2, 4, 8, 16, 32, 64, 128)


class ServerMetrics:
    """Counters, gauges and histograms; the observer of a service, and of the HTTP side.

    Labels are bounded: names of known tasks, routes, stages and outcomes.

    >>> metrics = ServerMetrics()
    >>> metrics.queue(3)
    >>> b"lpt_queue_length 3.0" in metrics.text()
    True
    """

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)

        def histogram(
            name: str, text: str, labels: list[str], buckets: tuple[float, ...]
        ) -> Histogram:
            return Histogram(name, text, labels, registry=registry, buckets=buckets)

        self._requests = Counter(
            "lpt_requests", "Images by task and outcome.", ["task", "outcome"], registry=registry
        )
        self._seconds = histogram(
            "lpt_request_seconds", "From submission to outcome of an image.", ["outcome"], _SECONDS
        )
        self._queue = Gauge("lpt_queue_length", "Images that wait.", registry=registry)
        self._batch = histogram("lpt_batch_images", "Images per batch.", [], _IMAGES)
        self._mixed = histogram("lpt_batch_tasks", "Tasks per batch.", [], _IMAGES)
        self._batch_seconds = histogram("lpt_batch_seconds", "Time per batch.", [], _SECONDS)
        self._stage = histogram(
            "lpt_stage_seconds", "Time of an image per stage.", ["stage"], _SECONDS
        )
        self._resident = Gauge("lpt_tasks_resident", "Tasks on the device.", registry=registry)
        self._bytes = Gauge("lpt_task_bytes", "Bytes of resident tasks.", registry=registry)
        self._evictions = Counter(
            "lpt_evictions", "Tasks that left the device.", ["task"], registry=registry
        )
        labels = ["route", "method", "status"]
        self._http = Counter("lpt_http_requests", "HTTP requests.", labels, registry=registry)
        self._http_seconds = histogram(
            "lpt_http_seconds", "From first byte of a request to last of its answer.",
            ["route"], _SECONDS,
        )  # fmt: skip

    def request(self, task: str, outcome: str, seconds: float) -> None:
        """Count an image and its time."""
        self._requests.labels(task, outcome).inc()
        self._seconds.labels(outcome).observe(seconds)

    def queue(self, length: int) -> None:
        """Set the number of images that wait."""
        self._queue.set(length)

    def batch(self, size: int, tasks: int, seconds: float) -> None:
        """Count a batch: its images, tasks and time."""
        self._batch.observe(size)
        self._mixed.observe(tasks)
        self._batch_seconds.observe(seconds)

    def stage(self, name: str, seconds: float) -> None:
        """Count the time of an image in a stage: decode, wait, compute."""
        self._stage.labels(name).observe(seconds)

    def tasks(self, resident: int, bytes: int) -> None:
        """Set the number of tasks on the device and their bytes."""
        self._resident.set(resident)
        self._bytes.set(bytes)

    def evicted(self, task: str) -> None:
        """Count a task that left the device."""
        self._evictions.labels(task).inc()

    def http_request(self, handled: HandledRequest) -> None:
        """Count an HTTP request."""
        self._http.labels(handled.route, handled.method, str(handled.status)).inc()
        self._http_seconds.labels(handled.route).observe(handled.seconds)

    def text(self) -> bytes:
        """Return all measures in the text format of Prometheus."""
        return generate_latest(self._registry)
