"""A server in a thread of this process: for notebooks, measurements and tests."""

import asyncio
import threading
from types import TracebackType

from lpt.serving.http.http_settings import HttpSettings
from lpt.serving.http.prometheus_metrics import ServerMetrics
from lpt.serving.http.run_server import serve
from lpt.serving.http.served_tasks import ManagedTasks

__all__ = ["BackgroundServer"]


class BackgroundServer:
    """A server that answers until its `with` block ends, or `stop` is called.

    Args:
        tasks: the service; it is drained at the end, and not closed.
        settings: addresses and limits; None for a free port of 127.0.0.1.
        metrics: is served at /metrics; None for no metrics.

    Attributes:
        url: of the server.
        admin_url: of the admin calls; None without these.

    Raises: ConfigError for an address that cannot be used.
    """

    def __init__(
        self,
        tasks: ManagedTasks,
        settings: HttpSettings | None = None,
        metrics: ServerMetrics | None = None,
    ) -> None:
        self._arguments = tasks, settings or HttpSettings(port=0), metrics
        self.url, self.admin_url = "", None
        self._started, self._error = threading.Event(), None
        self._drained = False
        self._thread = threading.Thread(target=self._run, name="lpt-http", daemon=True)
        self._thread.start()
        self._started.wait()
        if self._error is not None:
            raise self._error

    url: str
    admin_url: str | None
    _error: BaseException | None

    def __enter__(self) -> "BackgroundServer":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def begin_stop(self) -> None:
        """Refuse further images, and end once those accepted are answered."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)

    def stop(self) -> bool:
        """End the server. Returns: whether every accepted image was answered in time."""
        self.begin_stop()
        self._thread.join()
        return self._drained

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # raised in the thread of the caller
            self._error = error
        finally:
            self._started.set()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()

        def started(url: str, admin_url: str | None) -> None:
            self.url, self.admin_url = url, admin_url
            self._started.set()

        self._drained = await serve(*self._arguments, self._stop, on_start=started)
