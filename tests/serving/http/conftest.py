"""A fake service, clients that call the application directly, and a server on a real socket."""

import asyncio
import threading
from collections.abc import Callable, Iterator

import pytest
from starlette.testclient import TestClient

from lpt.serving.http import HttpSettings, ServerMetrics, create_app
from lpt.serving.http.run_server import serve

from .fake_tasks import FakeTasks


@pytest.fixture
def tasks() -> Iterator[FakeTasks]:
    made = FakeTasks()
    yield made
    made.close()


@pytest.fixture
def client_with(tasks: FakeTasks) -> Callable[..., TestClient]:
    def client(**settings) -> TestClient:
        app = create_app(tasks, HttpSettings(**settings), ServerMetrics())
        return TestClient(app, base_url="http://localhost", raise_server_exceptions=False)

    return client


@pytest.fixture
def client(client_with: Callable[..., TestClient]) -> TestClient:
    return client_with()


class Running:
    """A server in a thread."""

    def __init__(self, tasks: FakeTasks, settings: HttpSettings) -> None:
        self.tasks, self.drained = tasks, None
        self.url, self.admin = "", None
        started = threading.Event()

        def on_start(url: str, admin: str | None) -> None:
            self.url, self.admin = url, admin
            started.set()

        async def run() -> None:
            self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
            self.drained = await serve(
                tasks, settings, ServerMetrics(), self._stop, on_start=on_start
            )

        self.thread = threading.Thread(target=lambda: asyncio.run(run()))
        self.thread.start()
        assert started.wait(10)

    @property
    def address(self) -> tuple[str, int]:
        host, _, port = self.url.removeprefix("http://").rpartition(":")
        return host, int(port)

    def signal(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)

    def stop(self) -> bool | None:
        if self.thread.is_alive():
            self.signal()
        self.thread.join(15)
        assert not self.thread.is_alive()
        return self.drained


@pytest.fixture
def server_with(tasks: FakeTasks) -> Iterator[Callable[..., Running]]:
    running: list[Running] = []

    def server(**settings) -> Running:
        running.append(Running(tasks, HttpSettings(**{"port": 0, "grace_seconds": 5, **settings})))
        return running[-1]

    yield server
    tasks.gate.set()
    for one in running:
        one.stop()


@pytest.fixture
def server(server_with: Callable[..., Running]) -> Running:
    return server_with()
